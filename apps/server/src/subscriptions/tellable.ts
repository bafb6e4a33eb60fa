import { type QueuedNotification, type StoredRecord, seenName, sightedOf } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import type { Told } from './notification-bundle.ts';
import type { Recalled } from './requester.ts';

/**
 * What may still be told: a revocation, denial or deletion since leaves it out. `records`: the own ones among it, whose telling is
 * to be logged; the others' was when they were read. `lost`: names of what others have, by `seenName`, that nobody may be told of now.
 */
export async function tellable(
  { vault, exchange }: Pick<HostedOrganisation, 'vault' | 'exchange'>,
  queued: readonly QueuedNotification[],
  { caller, sight }: Recalled,
): Promise<{
  readonly told: readonly Told[];
  readonly records: readonly StoredRecord[];
  readonly lost: readonly string[];
}> {
  const told: Told[] = [];
  const records: StoredRecord[] = [];
  const lost: string[] = [];
  for (const { recordId, version, eventNumber, atMs, kind, elsewhere } of queued) {
    const tell = ({ type, id }: { readonly type: string; readonly id: string }): void =>
      void told.push({ eventNumber, atMs, method: kind === 'create' ? 'POST' : 'PUT', reference: `${type}/${id}` });
    if (elsewhere !== undefined) {
      if (await exchange.foreign.news.mayTell(caller, { recordId, version, ...elsewhere })) tell(elsewhere);
      else lost.push(seenName({ recordId, ...elsewhere }));
      continue;
    }
    const record = await vault.rows.findRecord(recordId, version);
    if (record === undefined || record.status === 'tombstoned') continue;
    if ((await sight.decide(sightedOf(record), 's')).kind !== 'allowed') continue;
    records.push(record);
    tell(record.meta);
  }
  return { told, records, lost };
}
