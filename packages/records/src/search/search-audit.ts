import { eventsByOwner, owned } from '../audit-by-owner.ts';
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
  const about = { kind: 'search', atMs, who, purpose, grant } as const;
  const owners = new Set(records.map(({ meta }) => meta.owner));
  const [only] = owners;
  const ofOne = owners.size === 1 && only !== undefined && pidOf(only) !== undefined;
  const events = eventsByOwner(records.map(owned), { ...about, ...(ofOne ? { query } : {}) });
  const asked = { ...about, pid: null, session: null, records: [], outcome: 'ok', request: null, query };
  await Promise.all([...(ofOne ? [] : [asked]), ...events].map((event) => audit.append(event)));
}
