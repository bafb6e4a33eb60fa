import { isSensitive, type RecordEntry } from './record-entry.ts';

/** What of the record goes into a file or a link. */
export interface Selection {
  /** Slugs; nothing of other organisations goes in. */
  readonly organisations: readonly string[];
  readonly withSensitive: boolean;
}

/** Everything but what is sensitive: the patient adds that knowingly. */
export function defaultSelection(entries: readonly RecordEntry[]): Selection {
  return { organisations: organisationsOf(entries), withSensitive: false };
}

export function organisationsOf(entries: readonly RecordEntry[]): readonly string[] {
  return [...new Set(entries.map(({ organisation }) => organisation))].sort();
}

export function selected(
  entries: readonly RecordEntry[],
  { organisations, withSensitive }: Selection,
): readonly RecordEntry[] {
  return entries.filter(
    (entry) => organisations.includes(entry.organisation) && (withSensitive || !isSensitive(entry)),
  );
}

/** How many sensitive entries there are at the chosen organisations. */
export function sensitiveCount(entries: readonly RecordEntry[], { organisations }: Selection): number {
  return entries.filter((entry) => organisations.includes(entry.organisation) && isSensitive(entry)).length;
}
