import { newNonce } from '@salus/crypto';
import type { BundleWorkers } from '../src/bundle-workers.ts';
import { type Consortium, createConsortium, type Member, type Patient } from './consortium.ts';

const PATIENT = '11111111-1111-4111-8111-111111111111';
const PRACTITIONER = '22222222-2222-4222-8222-222222222222';
const ORGANISATION = '44444444-4444-4444-8444-444444444444';

export type Resource = { readonly [key: string]: unknown };

/** A hospital that wrote a claimed patient's record, and another that reads. */
export interface Story {
  readonly consortium: Consortium;
  readonly author: Member;
  readonly readerSide: Member;
  readonly patient: Patient;
  /** `<type>/<id>` of the three prescriptions. */
  readonly medications: readonly string[];
  readonly practitioner: string;
}

export async function createStory(workers: BundleWorkers): Promise<Story> {
  const consortium = await createConsortium(workers);
  const author = consortium.member('hospital-a');
  const readerSide = consortium.member('hospital-b');
  const directory = [
    { resourceType: 'Organization', id: ORGANISATION, name: 'Ward' },
    { resourceType: 'Practitioner', id: PRACTITIONER, name: [{ family: 'Doe' }] },
  ];
  const imported = await consortium.import(author, [
    { resourceType: 'Patient', id: PATIENT, name: [{ family: 'Example' }] },
    ...directory,
    ...[1, 2, 3].map((number) => medication(number)),
    observation(1),
  ]);
  const patient = await consortium.claim(author, imported[0]!.slice('Patient/'.length));
  // Who ordered the prescriptions may write on.
  await author.vault.access.linkPractitioner(author.clinician.id, imported[2]!);
  return { consortium, author, readerSide, patient, medications: imported.slice(3, 6), practitioner: imported[2]! };
}

export function medication(number: number, authoredOn = `2026-01-0${number}`): Resource {
  return {
    resourceType: 'MedicationRequest',
    id: `33333333-3333-4333-8333-${String(number).padStart(12, '0')}`,
    status: 'active',
    intent: 'order',
    medicationCodeableConcept: { text: `medicine ${number}` },
    subject: { reference: `urn:uuid:${PATIENT}` },
    requester: { reference: `urn:uuid:${PRACTITIONER}` },
    authoredOn,
  };
}

export function observation(number: number): Resource {
  return {
    resourceType: 'Observation',
    id: `55555555-5555-4555-8555-${String(number).padStart(12, '0')}`,
    status: 'final',
    category: [
      { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
    ],
    code: { text: 'glucose' },
    subject: { reference: `urn:uuid:${PATIENT}` },
    effectiveDateTime: '2026-01-01',
    valueQuantity: { value: 5 },
  };
}

/** Another prescription for the story's patient, in a bundle of its own. */
export function laterMedication(story: Story, name: string): Resource {
  return {
    ...medication(9),
    id: newNonce(),
    subject: { reference: `Patient/${story.patient.fhirId}` },
    requester: { reference: story.practitioner },
    medicationCodeableConcept: { text: name },
  };
}
