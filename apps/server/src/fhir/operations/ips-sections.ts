import { type FhirTree, type FhirValue, isTree } from '@salus/fhir';

const LOINC = 'http://loinc.org';

/** A section of the International Patient Summary (IPS 2.0.0, Composition-uv-ips) and what belongs into it. */
export interface IpsSection {
  readonly code: string;
  readonly title: string;
  readonly required: boolean;
  /** Newest first, at most so many of one author. */
  readonly max: number;
  readonly types: readonly string[];
  holds(resource: FhirTree): boolean;
  /** One line of the narrative, without its date. */
  line(resource: FhirTree): string;
}

const ENTRIES_MAX = 100;
const RESULTS_MAX = 50;
const CURRENT_PROBLEM: ReadonlySet<string> = new Set(['active', 'recurrence', 'relapse']);
const CURRENT_MEDICATION: ReadonlySet<string> = new Set(['active', 'on-hold', 'intended', 'unknown', 'not-taken']);
const FINAL: ReadonlySet<string> = new Set(['final', 'amended', 'corrected']);

/** Required ones first; the others appear when they have an entry. */
export const IPS_SECTIONS: readonly IpsSection[] = [
  {
    ...{ code: '11450-4', title: 'Problem List', required: true, max: ENTRIES_MAX, types: ['Condition'] },
    holds: (resource) => isNoError(resource) && isCurrentProblem(resource) && hasCode(resource.code),
    line: ({ code }) => textOf(code),
  },
  {
    ...{ code: '48765-2', title: 'Allergies and Intolerances', required: true, max: ENTRIES_MAX },
    types: ['AllergyIntolerance'],
    holds: (resource) => isNoError(resource) && hasCode(resource.code),
    line: ({ code, criticality }) =>
      joined([textOf(code), typeof criticality === 'string' ? `criticality ${criticality}` : '']),
  },
  {
    ...{ code: '10160-0', title: 'Medication Summary', required: true, max: ENTRIES_MAX },
    types: ['MedicationRequest', 'MedicationStatement'],
    holds: (resource) => inSet(CURRENT_MEDICATION, resource.status) && isMedication(resource),
    line: (resource) => joined([medicationOf(resource), dosageOf(resource)]),
  },
  {
    ...{ code: '11369-6', title: 'Immunizations', required: false, max: ENTRIES_MAX, types: ['Immunization'] },
    holds: ({ status, vaccineCode }) => status === 'completed' && hasCode(vaccineCode),
    line: ({ vaccineCode }) => textOf(vaccineCode),
  },
  {
    ...{ code: '47519-4', title: 'History of Procedures', required: false, max: ENTRIES_MAX, types: ['Procedure'] },
    holds: ({ status, code }) => (status === 'completed' || status === 'in-progress') && hasCode(code),
    line: ({ code }) => textOf(code),
  },
  {
    ...{ code: '46264-8', title: 'Medical Devices', required: false, max: ENTRIES_MAX, types: ['DeviceUseStatement'] },
    holds: ({ status }) => status === 'active',
    line: ({ bodySite }) => joined(['device in use', textOf(bodySite)]),
  },
  {
    ...{ code: '30954-2', title: 'Diagnostic Results', required: false, max: RESULTS_MAX },
    types: ['Observation', 'DiagnosticReport'],
    holds: (resource) =>
      isFinal(resource) && (isOfCategory(resource, 'laboratory') || resource.resourceType === 'DiagnosticReport'),
    line: (resource) => joined([textOf(resource.code), valueText(resource)]),
  },
  {
    ...{ code: '8716-3', title: 'Vital Signs', required: false, max: RESULTS_MAX, types: ['Observation'] },
    holds: (resource) => isFinal(resource) && isOfCategory(resource, 'vital-signs'),
    line: (resource) => joined([textOf(resource.code), valueText(resource)]),
  },
  {
    ...{ code: '11348-0', title: 'History of Past Illness', required: false, max: ENTRIES_MAX, types: ['Condition'] },
    holds: (resource) => isNoError(resource) && !isCurrentProblem(resource) && hasCode(resource.code),
    line: ({ code }) => textOf(code),
  },
  {
    ...{ code: '18776-5', title: 'Plan of Care', required: false, max: ENTRIES_MAX, types: ['CarePlan'] },
    holds: ({ status }) => status === 'active',
    line: ({ title, category }) =>
      typeof title === 'string' ? title : textOf(Array.isArray(category) ? (category as FhirValue[])[0] : undefined),
  },
];

export function sectionCode({ code }: IpsSection): FhirTree {
  return { coding: [{ system: LOINC, code }] };
}

function isNoError({ verificationStatus }: FhirTree): boolean {
  return !codesIn(verificationStatus).some((code) => code === 'entered-in-error' || code === 'refuted');
}

/** A condition that does not say how it stands counts as a problem: leaving it out could harm. */
function isCurrentProblem({ clinicalStatus }: FhirTree): boolean {
  const codes = codesIn(clinicalStatus);
  return codes.length === 0 || codes.some((code) => CURRENT_PROBLEM.has(code));
}

function isFinal({ status, code, effectiveDateTime, effectivePeriod, effectiveInstant }: FhirTree): boolean {
  const isDated = [effectiveDateTime, effectivePeriod, effectiveInstant].some((time) => time !== undefined);
  return inSet(FINAL, status) && isDated && hasCode(code);
}

function isOfCategory({ category }: FhirTree, wanted: string): boolean {
  return (
    Array.isArray(category) && (category as readonly FhirValue[]).some((concept) => codesIn(concept).includes(wanted))
  );
}

function isMedication({ medicationCodeableConcept, medicationReference }: FhirTree): boolean {
  return hasCode(medicationCodeableConcept) || isTree(medicationReference);
}

function medicationOf({ medicationCodeableConcept, medicationReference }: FhirTree): string {
  const display = isTree(medicationReference) ? medicationReference.display : undefined;
  return medicationCodeableConcept === undefined
    ? typeof display === 'string'
      ? display
      : 'a medication'
    : textOf(medicationCodeableConcept);
}

function dosageOf({ dosageInstruction, dosage }: FhirTree): string {
  const list = dosageInstruction ?? dosage;
  const [first] = Array.isArray(list) ? (list as readonly FhirValue[]) : [];
  return isTree(first) && typeof first.text === 'string' ? first.text : '';
}

function valueText({ valueQuantity, valueCodeableConcept, valueString, conclusion }: FhirTree): string {
  if (isTree(valueQuantity)) {
    const { value, unit, code } = valueQuantity;
    const number = value === undefined ? '' : JSON.stringify(value);
    const shown = typeof unit === 'string' ? unit : typeof code === 'string' ? code : '';
    return `${number} ${shown}`.trim();
  }
  if (valueCodeableConcept !== undefined) return textOf(valueCodeableConcept);
  if (typeof valueString === 'string') return valueString;
  return typeof conclusion === 'string' ? conclusion : '';
}

/** What people read of a CodeableConcept: its text, else the first display, else the first code. */
function textOf(concept: FhirValue | undefined): string {
  if (!isTree(concept)) return '';
  if (typeof concept.text === 'string') return concept.text;
  const codings = (Array.isArray(concept.coding) ? (concept.coding as readonly FhirValue[]) : []).filter(isTree);
  const display = codings.find((coding) => typeof coding.display === 'string')?.display;
  return typeof display === 'string' ? display : (codesIn(concept)[0] ?? '');
}

function hasCode(concept: FhirValue | undefined): boolean {
  return textOf(concept) !== '';
}

function codesIn(concept: FhirValue | undefined): readonly string[] {
  const codings = isTree(concept) && Array.isArray(concept.coding) ? (concept.coding as readonly FhirValue[]) : [];
  return codings.flatMap((coding) => (isTree(coding) && typeof coding.code === 'string' ? [coding.code] : []));
}

function inSet(set: ReadonlySet<string>, value: FhirValue | undefined): boolean {
  return typeof value === 'string' && set.has(value);
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}
