import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from '@salus/fhir/parse';
import { codingsOf, conceptText } from './concept.ts';
import { nameOf } from './name.ts';

const ACT_CODE = 'http://terminology.hl7.org/CodeSystem/v3-ActCode';

/** Elements that name what a resource of the type is about, the most telling first. */
const TITLES: Readonly<Record<string, readonly string[]>> = {
  AllergyIntolerance: ['code'],
  Appointment: ['description', 'serviceType', 'reasonCode', 'appointmentType'],
  CarePlan: ['title', 'category', 'description'],
  Communication: ['topic', 'reasonCode'],
  Composition: ['title', 'type'],
  Device: ['deviceName', 'type'],
  DiagnosticReport: ['code'],
  DocumentReference: ['description', 'type', 'category'],
  Encounter: ['reasonCode', 'type', 'serviceType'],
  ExplanationOfBenefit: ['type'],
  Claim: ['type'],
  ImagingStudy: ['description', 'procedureCode'],
  Immunization: ['vaccineCode'],
  MedicationAdministration: ['medicationCodeableConcept', 'medicationReference'],
  MedicationDispense: ['medicationCodeableConcept', 'medicationReference'],
  MedicationRequest: ['medicationCodeableConcept', 'medicationReference'],
  MedicationStatement: ['medicationCodeableConcept', 'medicationReference'],
  QuestionnaireResponse: ['questionnaire'],
  Task: ['description', 'code'],
};
const ANY = ['title', 'code', 'description', 'type', 'category'];

/**
 * What the resource is about in its author's words ("Hemoglobin A1c", "Metformin 500 mg tablet"); undefined where it does
 * not say, then its type is all there is to show.
 */
export function titleOf(resource: FhirTree): string | undefined {
  const type = stringOf(resource.resourceType) ?? '';
  if (type === 'Patient' || type === 'Practitioner' || type === 'Organization' || type === 'Location') {
    return nameOf(resource);
  }
  const elements = Object.hasOwn(TITLES, type) ? TITLES[type]! : ANY;
  for (const element of elements) {
    const text = textAt(resource, element);
    if (text !== undefined) return text;
  }
  return undefined;
}

function textAt(resource: FhirTree, element: string): string | undefined {
  const value = resource[element];
  if (element === 'medicationReference') return medicationText(resource, value);
  if (element === 'deviceName')
    return listOf(value).flatMap((one) => (isTree(one) ? (stringOf(one.name) ?? []) : []))[0];
  return stringOf(value) ?? conceptText(value);
}

/** A contained Medication's code, or what the reference says of itself. */
function medicationText(resource: FhirTree, reference: FhirValue | undefined): string | undefined {
  if (!isTree(reference)) return undefined;
  const link = stringOf(reference.reference);
  const contained = listOf(resource.contained).find(
    (one): one is FhirTree => isTree(one) && link === `#${stringOf(one.id) ?? ''}`,
  );
  return conceptText(contained?.code) ?? stringOf(reference.display);
}

/** The kind of an Encounter (`AMB`, `EMER`, `IMP`, `VR` …, HL7 v3 ActEncounterCode); undefined for another coding. */
export function encounterClassOf(encounter: FhirTree): string | undefined {
  return codingsOf(encounter.class).find(({ system }) => system === ACT_CODE)?.code;
}
