import { type QueuedNotification, type Sight, type StoredRecord, sightedOf, type Vault } from '@salus/records';
import type { Told } from './notification-bundle.ts';

/** What may still be told: a revocation, denial or deletion since leaves it out. */
export async function tellable(
  rows: Vault['rows'],
  queued: readonly QueuedNotification[],
  sight: Sight,
): Promise<{ readonly told: readonly Told[]; readonly records: readonly StoredRecord[] }> {
  const told: Told[] = [];
  const records: StoredRecord[] = [];
  for (const { recordId, version, eventNumber, atMs, kind } of queued) {
    const record = await rows.findRecord(recordId, version);
    if (record === undefined || record.status === 'tombstoned') continue;
    if ((await sight.decide(sightedOf(record), 's')).kind !== 'allowed') continue;
    records.push(record);
    const reference = `${record.meta.type}/${record.meta.id}`;
    told.push({ eventNumber, atMs, method: kind === 'create' ? 'POST' : 'PUT', reference });
  }
  return { told, records };
}
