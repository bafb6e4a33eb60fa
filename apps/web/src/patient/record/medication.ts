import { type FhirTree, isTree, listOf, stringOf } from '@salus/fhir/parse';
import { conceptKey } from '../../fhir/concept.ts';
import { nameOfResource, referenceOf } from '../../fhir/reference.ts';
import { isEnteredInError, isOver } from '../../fhir/status.ts';
import { titleOf } from '../../fhir/title.ts';
import { newestFirst, type RecordEntry, timeOf } from './record-entry.ts';

const TYPES = ['MedicationRequest', 'MedicationStatement', 'MedicationDispense', 'MedicationAdministration'];

/** One medicine, whoever prescribed, handed out or gave it. */
export interface Medicine {
  readonly key: string;
  readonly title: string | undefined;
  /** Whether the newest prescription or statement still holds. */
  readonly isCurrent: boolean;
  /** How to take it, in the words of the newest prescription. */
  readonly dosage: string | undefined;
  readonly sinceMs: number;
  readonly lastMs: number;
  /** Prescriptions and statements, newest first. */
  readonly prescribed: readonly RecordEntry[];
  /** Where it was handed out, newest first. */
  readonly dispensed: readonly RecordEntry[];
  /** Where it was given, newest first. */
  readonly given: readonly RecordEntry[];
}

/** All medicines, current ones first, then by the newest entry. */
export function medicinesOf(entries: readonly RecordEntry[]): readonly Medicine[] {
  const own = entries.filter(
    ({ resource }) => TYPES.includes(stringOf(resource.resourceType) ?? '') && !isEnteredInError(resource),
  );
  return [...Map.groupBy(own, medicineKey)]
    .map(([key, group]) => medicineOf(key, newestFirst(group)))
    .sort((left, right) => Number(right.isCurrent) - Number(left.isCurrent) || right.lastMs - left.lastMs);
}

/** Its code; else the Medication that it names, which only its own organisation knows; else its name; else itself. */
function medicineKey({ organisation, resource }: RecordEntry): string {
  const coded = conceptKey(resource.medicationCodeableConcept);
  if (coded !== undefined) return coded;
  const reference = referenceOf(resource.medicationReference);
  if (reference !== undefined) return `${organisation} ${reference}`;
  return titleOf(resource)?.trim().toLowerCase() ?? `${organisation} ${nameOfResource(resource)}`;
}

function medicineOf(key: string, entries: readonly RecordEntry[]): Medicine {
  const of = (...types: readonly string[]): readonly RecordEntry[] =>
    entries.filter(({ resource }) => types.includes(stringOf(resource.resourceType) ?? ''));
  const prescribed = of('MedicationRequest', 'MedicationStatement');
  const [newest] = prescribed;
  const times = entries.map(timeOf);
  return {
    key,
    title: entries.map(({ resource }) => titleOf(resource)).find((title) => title !== undefined),
    isCurrent: newest !== undefined && !isOver(newest.resource),
    dosage: newest === undefined ? undefined : dosageText(newest.resource),
    sinceMs: Math.min(...times),
    lastMs: Math.max(...times),
    prescribed,
    dispensed: of('MedicationDispense'),
    given: of('MedicationAdministration'),
  };
}

/** How to take a medicine, in its author's words; undefined where there are none. */
export function dosageText(resource: FhirTree): string | undefined {
  const texts = listOf(resource.dosageInstruction ?? resource.dosage).flatMap((dosage) => {
    if (!isTree(dosage)) return [];
    return stringOf(dosage.text) ?? stringOf(dosage.patientInstruction) ?? [];
  });
  return texts.length === 0 ? undefined : texts.join('\n');
}
