import type { FhirTree } from '@salus/fhir/parse';
import { conceptText } from '../../fhir/concept.ts';
import { isOver } from '../../fhir/status.ts';
import { type ChartEntry, entriesOf } from '../chart/chart-entry.ts';
import { type Prescribable, RXNORM } from './medicines.ts';
import { subjectOf, timeOf, type Writing, writerAs } from './written-by.ts';

const DAY_MS = 86_400_000;
export const PRESCRIPTION_TEXT_MAX = 1_000;
export const PRESCRIPTION_DAYS_MAX = 365;
export const REPEATS_MAX = 12;

export interface PrescriptionDraft {
  readonly medicine: Prescribable;
  /** How to take it, in the words that the patient reads. */
  readonly dosage: string;
  /** For how many days it is meant. */
  readonly days: number;
  readonly repeats: number;
  /** Why it is given although an allergy speaks against it; empty where none does. */
  readonly whyDespite: string;
}

/** A prescription as R4 MedicationRequest. */
export function prescriptionOf(
  writing: Writing,
  { medicine, dosage, days, repeats, whyDespite }: PrescriptionDraft,
): FhirTree {
  const { code, display } = medicine;
  const end = new Date(writing.nowMs + days * DAY_MS).toISOString();
  return {
    resourceType: 'MedicationRequest',
    status: 'active',
    intent: 'order',
    medicationCodeableConcept: { coding: [{ system: RXNORM, code, display }], text: display },
    subject: subjectOf(writing),
    authoredOn: timeOf(writing),
    ...writerAs('requester', writing),
    dosageInstruction: [{ text: dosage, timing: { repeat: { boundsPeriod: { start: timeOf(writing), end } } } }],
    dispenseRequest: {
      numberOfRepeatsAllowed: repeats,
      expectedSupplyDuration: { value: days, unit: 'days', system: 'http://unitsofmeasure.org', code: 'd' },
    },
    ...(whyDespite === ''
      ? {}
      : { note: [{ time: timeOf(writing), text: `Given despite an allergy: ${whyDespite}` }] }),
  };
}

/** Allergies whose words name an ingredient: a hint, and no more; what is written in other words is not recognised. */
export function allergiesTo(entries: readonly ChartEntry[], { ingredients }: Prescribable): readonly ChartEntry[] {
  return entriesOf(entries, 'AllergyIntolerance').filter(({ resource }) => {
    const words = (conceptText(resource.code) ?? '').toLowerCase();
    return !isOver(resource) && ingredients.some((ingredient) => words.includes(ingredient));
  });
}
