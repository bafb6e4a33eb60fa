import type { Reference, Resource, StoryBundle } from './bundle-builder.ts';

const LOINC = 'http://loinc.org';
const SNOMED = 'http://snomed.info/sct';
const RXNORM = 'http://www.nlm.nih.gov/research/umls/rxnorm';
const UCUM = 'http://unitsofmeasure.org';
const OBSERVATION_CATEGORY = 'http://terminology.hl7.org/CodeSystem/observation-category';
const DAY_MS = 86_400_000;

export const loinc = (code: string, display: string): object => concept(LOINC, code, display);
export const snomed = (code: string, display: string): object => concept(SNOMED, code, display);
export const rxnorm = (code: string, display: string): object => concept(RXNORM, code, display);

/** A point of a story: `day` days before the story's end, at `hour` o'clock UTC. */
export type When = (day: number, hour?: number) => string;

export function storyTime(endMs: number): When {
  const midnightMs = endMs - (endMs % DAY_MS);
  return (day, hour = 9) => new Date(midnightMs - day * DAY_MS + hour * 3_600_000).toISOString();
}

export interface Measured {
  readonly category: 'laboratory' | 'vital-signs';
  readonly code: object;
  readonly value: number;
  /** A UCUM code. */
  readonly unit: string;
  readonly at: string;
  readonly encounter?: Reference;
}

export function addObservation(
  bundle: StoryBundle,
  { category, code, value, unit, at, encounter }: Measured,
): Reference {
  return bundle.add({
    resourceType: 'Observation',
    status: 'final',
    category: [concept(OBSERVATION_CATEGORY, category, category === 'laboratory' ? 'Laboratory' : 'Vital Signs')],
    code,
    subject: bundle.patient,
    ...(encounter === undefined ? {} : { encounter }),
    effectiveDateTime: at,
    issued: at,
    performer: [category === 'laboratory' ? bundle.organisation : bundle.practitioner],
    valueQuantity: { value, unit, system: UCUM, code: unit },
  });
}

export function addBloodPressure(
  bundle: StoryBundle,
  {
    systolic,
    diastolic,
    at,
    encounter,
  }: { readonly systolic: number; readonly diastolic: number; readonly at: string; readonly encounter?: Reference },
): Reference {
  const component = (code: string, display: string, value: number): object => ({
    code: loinc(code, display),
    valueQuantity: { value, unit: 'mm[Hg]', system: UCUM, code: 'mm[Hg]' },
  });
  return bundle.add({
    resourceType: 'Observation',
    status: 'final',
    category: [concept(OBSERVATION_CATEGORY, 'vital-signs', 'Vital Signs')],
    code: loinc('85354-9', 'Blood pressure panel with all children optional'),
    subject: bundle.patient,
    ...(encounter === undefined ? {} : { encounter }),
    effectiveDateTime: at,
    performer: [bundle.practitioner],
    component: [
      component('8480-6', 'Systolic blood pressure', systolic),
      component('8462-4', 'Diastolic blood pressure', diastolic),
    ],
  });
}

export function addEncounter(
  bundle: StoryBundle,
  {
    kind,
    reason,
    start,
    end,
  }: { readonly kind: 'AMB' | 'EMER' | 'IMP'; readonly reason: object; readonly start: string; readonly end: string },
): Reference {
  return bundle.add({
    resourceType: 'Encounter',
    status: 'finished',
    class: { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: kind },
    subject: bundle.patient,
    participant: [{ individual: bundle.practitioner }],
    period: { start, end },
    reasonCode: [reason],
    serviceProvider: bundle.organisation,
  });
}

export function addCondition(
  bundle: StoryBundle,
  {
    code,
    onset,
    status,
    encounter,
  }: {
    readonly code: object;
    readonly onset: string;
    readonly status: 'active' | 'resolved';
    readonly encounter?: Reference;
  },
): Reference {
  return bundle.add({
    resourceType: 'Condition',
    clinicalStatus: concept('http://terminology.hl7.org/CodeSystem/condition-clinical', status),
    verificationStatus: concept('http://terminology.hl7.org/CodeSystem/condition-ver-status', 'confirmed'),
    category: [concept('http://terminology.hl7.org/CodeSystem/condition-category', 'problem-list-item')],
    code,
    subject: bundle.patient,
    ...(encounter === undefined ? {} : { encounter }),
    onsetDateTime: onset,
  });
}

export function addPrescription(
  bundle: StoryBundle,
  {
    code,
    text,
    at,
    encounter,
  }: { readonly code: object; readonly text: string; readonly at: string; readonly encounter?: Reference },
): Reference {
  return bundle.add({
    resourceType: 'MedicationRequest',
    status: 'active',
    intent: 'order',
    medicationCodeableConcept: code,
    subject: bundle.patient,
    ...(encounter === undefined ? {} : { encounter }),
    authoredOn: at,
    requester: bundle.practitioner,
    dosageInstruction: [{ text }],
  });
}

export function addDispense(
  bundle: StoryBundle,
  { code, quantity, at }: { readonly code: object; readonly quantity: number; readonly at: string },
): Reference {
  return bundle.add({
    resourceType: 'MedicationDispense',
    status: 'completed',
    medicationCodeableConcept: code,
    subject: bundle.patient,
    performer: [{ actor: bundle.practitioner }],
    quantity: { value: quantity, unit: 'tablet' },
    whenHandedOver: at,
  });
}

export function addProcedure(
  bundle: StoryBundle,
  {
    code,
    start,
    end,
    encounter,
  }: { readonly code: object; readonly start: string; readonly end: string; readonly encounter?: Reference },
): Reference {
  return bundle.add({
    resourceType: 'Procedure',
    status: 'completed',
    code,
    subject: bundle.patient,
    ...(encounter === undefined ? {} : { encounter }),
    performedPeriod: { start, end },
    performer: [{ actor: bundle.practitioner }],
  });
}

export function addAllergy(bundle: StoryBundle, code: object, at: string): Reference {
  return bundle.add({
    resourceType: 'AllergyIntolerance',
    clinicalStatus: concept('http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical', 'active'),
    verificationStatus: concept('http://terminology.hl7.org/CodeSystem/allergyintolerance-verification', 'confirmed'),
    code,
    patient: bundle.patient,
    recordedDate: at,
  });
}

export function addReport(
  bundle: StoryBundle,
  {
    code,
    at,
    results,
    conclusion,
  }: {
    readonly code: object;
    readonly at: string;
    readonly results: readonly Reference[];
    readonly conclusion: string;
  },
): Reference {
  return bundle.add({
    resourceType: 'DiagnosticReport',
    status: 'final',
    category: [concept('http://terminology.hl7.org/CodeSystem/v2-0074', 'LAB', 'Laboratory')],
    code,
    subject: bundle.patient,
    effectiveDateTime: at,
    issued: at,
    performer: [bundle.organisation],
    result: results,
    conclusion,
  } satisfies Resource);
}

function concept(system: string, code: string, display?: string): object {
  return {
    coding: [{ system, code, ...(display === undefined ? {} : { display }) }],
    ...(display === undefined ? {} : { text: display }),
  };
}
