import { matchesFilter, parseFhirJson } from '@salus/fhir';
import { type Change, type Sight, type StoredRecord, sightedOf, type Vault } from '@salus/records';
import type { Subscribed } from './subscription.ts';

/** A record of a change, opened when somebody may see it. */
export interface Looked {
  readonly record: StoredRecord;
  readonly tree: () => Promise<ReturnType<typeof parseFhirJson>>;
}

/** The version of a change, read once for all subscriptions; undefined for what was hidden or erased since. */
export async function lookAt(
  { rows, ciphertext }: Pick<Vault, 'rows' | 'ciphertext'>,
  { recordId, version }: Pick<Change, 'recordId' | 'version'>,
  looked: Map<string, Looked>,
): Promise<Looked | undefined> {
  const name = `${recordId}/${version}`;
  const known = looked.get(name);
  if (known !== undefined) return known;
  const record = await rows.findRecord(recordId, version);
  if (record === undefined || record.status === 'tombstoned') return undefined;
  let opening: ReturnType<Looked['tree']> | undefined;
  const tree = async () => {
    opening ??= ciphertext.readPlaintext(record).then((plaintext) => parseFhirJson(plaintext));
    return opening;
  };
  looked.set(name, { record, tree });
  return { record, tree };
}

/** Sight is asked before the record is opened, so that what may not be seen is neither matched nor counted. */
export async function isMatch(
  { record, tree }: Looked,
  {
    subscribed: { search },
    sight,
    nowMs,
  }: { readonly subscribed: Subscribed; readonly sight: Sight; readonly nowMs: number },
): Promise<boolean> {
  if (record.meta.type !== search.type) return false;
  if ((await sight.decide(sightedOf(record), 's')).kind !== 'allowed') return false;
  const opened = await tree();
  return search.filters.every(
    (filter) => (filter.kind === 'values' || filter.kind === 'missing') && matchesFilter(opened, filter, nowMs),
  );
}
