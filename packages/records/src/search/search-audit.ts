import { AUDIT_RECORDS_MAX } from '../new-versions.ts';
import { pidOf } from '../recipients.ts';
import type { Sight } from '../sight.ts';
import type { AuditLog } from '../vault-types.ts';
import type { FoundFacts } from './search-types.ts';

/**
 * Logs what a search shows, durably before it does: one event for each owner, so that every patient sees what was found of
 * theirs. How it was asked stands in the event of the one patient whom it concerns, else in one that belongs to nobody: a
 * query may name others.
 */
export async function logSearch(
  audit: AuditLog,
  {
    sight,
    query,
    records,
    atMs,
  }: {
    readonly sight: Pick<Sight, 'who' | 'purpose' | 'grant'>;
    readonly query: string;
    readonly records: readonly FoundFacts[];
    readonly atMs: number;
  },
): Promise<void> {
  const { who, purpose, grant } = sight;
  const event = {
    kind: 'search',
    atMs,
    who,
    purpose,
    grant,
    session: null,
    outcome: 'ok',
    request: null,
  } as const;
  const byOwner = Map.groupBy(records, (record) => pidOf(record.meta.owner) ?? null);
  const [only] = byOwner.keys();
  const ofOne = byOwner.size === 1 && typeof only === 'string';
  const events = ofOne ? [] : [audit.append({ ...event, pid: null, records: [], query })];
  for (const [pid, owned] of byOwner) {
    for (let at = 0; at < owned.length; at += AUDIT_RECORDS_MAX) {
      const named = owned.slice(at, at + AUDIT_RECORDS_MAX).map(({ recordId, version }) => ({ recordId, version }));
      events.push(audit.append({ ...event, pid, records: named, ...(ofOne ? { query } : {}) }));
    }
  }
  await Promise.all(events);
}
