import { isSensitive, type RecordEntry } from './record-entry.ts';

/** What of the record goes into a file or a link. */
export interface Selection {
  /** Slugs of organisations of which nothing goes in. */
  readonly without: readonly string[];
  readonly withSensitive: boolean;
}

/** Everything but what is sensitive: the patient adds that knowingly. */
export const EVERYTHING: Selection = { without: [], withSensitive: false };

export function organisationsOf(entries: readonly RecordEntry[]): readonly string[] {
  return [...new Set(entries.map(({ organisation }) => organisation))].sort();
}

export function selected(
  entries: readonly RecordEntry[],
  { without, withSensitive }: Selection,
): readonly RecordEntry[] {
  return entries.filter((entry) => !without.includes(entry.organisation) && (withSensitive || !isSensitive(entry)));
}

/** How many sensitive entries there are at the chosen organisations. */
export function sensitiveCount(entries: readonly RecordEntry[], { without }: Selection): number {
  return entries.filter((entry) => !without.includes(entry.organisation) && isSensitive(entry)).length;
}
