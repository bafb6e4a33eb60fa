import { admitPatient, linkPractitioner } from './admitted.ts';
import { claimWith, importChapter, type TestPatient, type TestServer } from './hospital.ts';

export const A = '/api/v1/orgs/hospital-a';
export const B = '/api/v1/orgs/hospital-b';
export const BASE_A = 'http://127.0.0.1:8470/hospital-a/fhir/R4';
export const FHIR_B = '/hospital-b/fhir/R4';

/** Names that stand only in displays: where one is found, it was shown. */
export const DISPLAYS = {
  normal: 'Doctor Normalname',
  sensitive: 'Ward Sensitivename',
  ungranted: 'Visit Ungrantedname',
  unnamed: 'Drawing Unnamedname',
  contained: 'Medicine Containedname',
} as const;

type Resource = { readonly resourceType: string; readonly [element: string]: unknown };

export const ids = (seed: string) => (number: number) =>
  `${seed.repeat(8)}-1111-4111-8111-${String(number).padStart(12, '0')}`;

/** A transaction that creates each; `urn:uuid:` ids by their places. */
export function transaction(idOf: (number: number) => string, resources: readonly Resource[]): string {
  const entry = resources.map((resource, number) => ({
    fullUrl: `urn:uuid:${idOf(number)}`,
    resource,
    request: { method: 'POST', url: resource.resourceType },
  }));
  return JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry });
}

const LABORATORY = [
  { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
];

/** What hospital-a wrote: prescriptions and a result that name a doctor, a psychiatric ward and a visit. */
export function chapterOfA(): string {
  const idOf = ids('a');
  const to = (number: number, display?: string) => ({
    reference: `urn:uuid:${idOf(number)}`,
    ...(display === undefined ? {} : { display }),
  });
  const medication = {
    resourceType: 'MedicationRequest',
    ...{ status: 'active', intent: 'order', subject: to(0), requester: to(1, DISPLAYS.normal) },
  };
  return transaction(idOf, [
    { resourceType: 'Patient', name: [{ family: 'Elsewhere' }], birthDate: '1970-01-01' },
    { resourceType: 'Practitioner', name: [{ family: 'Normalname' }] },
    {
      resourceType: 'Location',
      meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'PSY' }] },
      name: 'Ward',
    },
    {
      resourceType: 'Encounter',
      ...{ status: 'finished', subject: to(0) },
      class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'AMB' },
    },
    {
      ...medication,
      contained: [{ resourceType: 'Medication', id: 'drug', code: { text: 'a medicine' } }],
      medicationReference: { reference: '#drug', display: DISPLAYS.contained },
      encounter: to(3, DISPLAYS.ungranted),
      supportingInformation: [to(2, DISPLAYS.sensitive), { display: DISPLAYS.unnamed }],
      authoredOn: '2026-01-02',
    },
    { ...medication, medicationCodeableConcept: { text: 'another medicine' }, authoredOn: '2026-01-04' },
    {
      resourceType: 'Observation',
      ...{ status: 'final', category: LABORATORY, subject: to(0), effectiveDateTime: '2026-01-02' },
      basedOn: [to(4)],
      code: { text: 'glucose' },
      valueQuantity: { value: 5, unit: 'mmol/L', system: 'http://unitsofmeasure.org', code: 'mmol/L' },
    },
  ]);
}

/** The same person at hospital-b, in the care of its doctor. */
export function chapterOfB(): string {
  const idOf = ids('b');
  const to = (number: number) => ({ reference: `urn:uuid:${idOf(number)}` });
  const medication = {
    resourceType: 'MedicationRequest',
    ...{ status: 'active', intent: 'order', subject: to(0), requester: to(1) },
  };
  return transaction(idOf, [
    { resourceType: 'Patient', name: [{ family: 'Here' }], birthDate: '1970-01-01' },
    { resourceType: 'Practitioner', name: [{ family: 'Novak' }] },
    { ...medication, medicationCodeableConcept: { text: 'own medicine' }, authoredOn: '2026-01-03' },
  ]);
}

export interface TwoHospitals {
  /** At hospital-a, claimed. */
  readonly patient: TestPatient;
  /** `Type/id` at hospital-a, in the order of `chapterOfA`. */
  readonly atA: readonly string[];
  /** FHIR id of the Patient at hospital-b. */
  readonly ownId: string;
  readonly ownPid: string;
}

/** One person at two hospitals; `b.novak` has the second one's record in care. */
export async function openTwoHospitals(server: TestServer, chapter = chapterOfA()): Promise<TwoHospitals> {
  const patient = await admitPatient(server, 'hospital-a', chapter);
  const here = await importChapter(server, 'hospital-b', chapterOfB());
  const { fhirId: ownId } = here;
  const { pid: ownPid, wallet } = await claimWith(server, patient.wallet, {
    organisation: 'hospital-b',
    fhirId: ownId,
  });
  patient.wallet = wallet;
  const [, practitioner] = here.locations.find((location) => location.startsWith('Practitioner/'))!.split('/');
  await linkPractitioner(server, { account: 'b.novak', practitioner: practitioner! });
  return { patient, atA: patient.written, ownId, ownPid };
}
