import { type FhirTree, stringOf } from '@salus/fhir/parse';
import { conceptKey } from '../../fhir/concept.ts';
import { nameOfResource, referenceOf, referencesOf } from '../../fhir/reference.ts';
import { isEnteredInError, isOver } from '../../fhir/status.ts';
import { titleOf } from '../../fhir/title.ts';
import { newestFirst, type RecordEntry, timeOf } from './record-entry.ts';
import { isEvent } from './timeline.ts';

/** One problem, whoever wrote of it: several organisations' Conditions of the same code are one. */
export interface Problem {
  readonly key: string;
  /** Absent where no author named it. */
  readonly title: string | undefined;
  readonly isActive: boolean;
  /** When it was first there. */
  readonly sinceMs: number;
  /** Its Conditions, newest first. */
  readonly conditions: readonly RecordEntry[];
  /** What belongs to it: from the same visit, for this reason, or named as its evidence; newest first. */
  readonly related: readonly RecordEntry[];
}

/** All problems, active ones first, then by when they began, newest first. */
export function problemsOf(entries: readonly RecordEntry[]): readonly Problem[] {
  const all = entries.filter(
    ({ resource }) => stringOf(resource.resourceType) === 'Condition' && !isEnteredInError(resource),
  );
  return [...Map.groupBy(all, ({ resource }) => conceptKey(resource.code) ?? nameOfResource(resource))]
    .map(([key, conditions]) => problemOf(key, newestFirst(conditions), entries))
    .sort((left, right) => Number(right.isActive) - Number(left.isActive) || right.sinceMs - left.sinceMs);
}

function problemOf(key: string, conditions: readonly RecordEntry[], entries: readonly RecordEntry[]): Problem {
  const links = conditions.flatMap(({ organisation, resource }) =>
    [nameOfResource(resource), referenceOf(resource.encounter)].flatMap((reference) =>
      reference === undefined ? [] : [`${organisation} ${reference}`],
    ),
  );
  const linked = new Set(links);
  const evidence = new Set(
    conditions.map(({ organisation, resource }) => `${organisation} ${nameOfResource(resource)}`),
  );
  const related = entries.filter(
    (entry) =>
      isEvent(entry) &&
      !evidence.has(`${entry.organisation} ${nameOfResource(entry.resource)}`) &&
      stringOf(entry.resource.resourceType) !== 'Condition' &&
      belongs(entry, { key, linked }),
  );
  return {
    key,
    title: conditions.map(({ resource }) => titleOf(resource)).find((title) => title !== undefined),
    isActive: conditions.some(({ resource }) => !isOver(resource)),
    sinceMs: Math.min(...conditions.map(timeOf)),
    conditions,
    related: newestFirst(related),
  };
}

function belongs(
  { organisation, resource }: RecordEntry,
  { key, linked }: { readonly key: string; readonly linked: ReadonlySet<string> },
): boolean {
  return (
    linkNames(resource).some((reference) => linked.has(`${organisation} ${reference}`)) ||
    conceptKey(resource.reasonCode) === key
  );
}

/** Itself (a visit is what its notes name), its visit, and the problems that it names. */
function linkNames(resource: FhirTree): readonly string[] {
  return [
    nameOfResource(resource),
    ...referencesOf(resource.encounter),
    ...referencesOf(resource.reasonReference),
    ...referencesOf(resource.addresses),
  ];
}
