import type { FhirTree } from '@salus/fhir/parse';
import { nameOfResource } from '../../fhir/reference.ts';
import { whenOf } from '../../fhir/when.ts';

/** One of the patient's records, opened on this device: what it says, who wrote it and how it is labelled. */
export interface RecordEntry {
  /** Slug of the organisation that wrote it and keeps it. */
  readonly organisation: string;
  readonly recordId: string;
  readonly version: number;
  readonly category: string;
  readonly labelClass: string;
  readonly lastUpdatedMs: number;
  /** Its own JSON text. */
  readonly text: string;
  readonly resource: FhirTree;
}

/** A name for an entry among those of all organisations. */
export function keyOf({ organisation, recordId }: Pick<RecordEntry, 'organisation' | 'recordId'>): string {
  return `${organisation}/${recordId}`;
}

/** When what the entry tells of happened; where it does not say, when it was written down. */
export function timeOf({ resource, lastUpdatedMs }: RecordEntry): number {
  return whenOf(resource)?.fromMs ?? lastUpdatedMs;
}

/** Everything but the normal class: what a patient may want to leave out. */
export function isSensitive({ labelClass }: Pick<RecordEntry, 'labelClass'>): boolean {
  return labelClass !== 'N';
}

/** Newest first; at the same moment in a fixed order, so that lists do not jump. */
export function newestFirst(entries: readonly RecordEntry[]): readonly RecordEntry[] {
  return entries
    .map((entry) => ({ entry, ms: timeOf(entry), key: keyOf(entry) }))
    .sort((left, right) => right.ms - left.ms || (left.key < right.key ? -1 : 1))
    .map(({ entry }) => entry);
}

/** Entries by organisation and `Type/id`: a reference leads only to what the same organisation wrote. */
export interface EntryLookup {
  find(organisation: string, reference: string | undefined): RecordEntry | undefined;
}

export function lookupOf(entries: readonly RecordEntry[]): EntryLookup {
  const known = new Map(entries.map((entry) => [`${entry.organisation} ${nameOfResource(entry.resource)}`, entry]));
  return {
    find: (organisation, reference) =>
      reference === undefined ? undefined : known.get(`${organisation} ${reference}`),
  };
}
