import { parseFhirJson } from '@salus/fhir/parse';
import type { SealedStore } from '@salus/wallet/web';
import type { RecordEntry } from './record-entry.ts';

const VERSION = 1;
/** A record that is larger is opened anew each time, and is not there without a connection. */
export const KEPT_BYTES_MAX = 64 * 1024 * 1024;

type Kept = Omit<RecordEntry, 'resource'>;

/** What this device kept of one organisation's records: ciphertext in the browser, opened here. Empty where there is nothing. */
export async function findKeptRecord(store: SealedStore, pid: string): Promise<readonly RecordEntry[]> {
  const bytes = await store.find(nameOf(pid));
  if (bytes === undefined) return [];
  const { version, entries } = JSON.parse(new TextDecoder().decode(bytes)) as {
    readonly version: number;
    readonly entries: readonly Kept[];
  };
  // Of an older app: what it kept is fetched again.
  if (version !== VERSION) return [];
  return entries.map((entry) => ({ ...entry, resource: parseFhirJson(entry.text) }));
}

/** Keeps what was opened, sealed under the key that PIN or passkey open; nothing of it lies in the browser's own caches. */
export async function keepRecord(store: SealedStore, pid: string, entries: readonly RecordEntry[]): Promise<void> {
  const kept = entries.map(({ resource: _parsed, ...entry }): Kept => entry);
  const bytes = new TextEncoder().encode(JSON.stringify({ version: VERSION, entries: kept }));
  if (bytes.length > KEPT_BYTES_MAX) await store.remove(nameOf(pid));
  else await store.put(nameOf(pid), bytes);
}

function nameOf(pid: string): string {
  return `record/${pid}`;
}
