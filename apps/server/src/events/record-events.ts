import type { Change, Vault, VaultCaller } from '@salus/records';
import { sightedOf, sightOf } from '@salus/records';
import type { Principal } from '../sessions.ts';
import type { LiveEvent } from './live-event.ts';

/** Decisions for one page of changes and one open page; after them it is told only that there is something. */
const DECISIONS_MAX = 200;

type Changed = NonNullable<Awaited<ReturnType<Vault['rows']['findRecord']>>>;

/** The versions that changes speak of, each record once. */
export async function findChanged({ rows }: Vault, changes: readonly Change[]): Promise<readonly Changed[]> {
  const last = new Map(changes.map((change) => [change.recordId, change]));
  const found = await Promise.all([...last.values()].map((change) => rows.findRecord(change.recordId, change.version)));
  return found.filter((record) => record !== undefined);
}

/** What one session is told of them: a patient of the own records, staff of what role and care let them see. */
export async function recordEventsFor(
  vault: Vault,
  changed: readonly Changed[],
  principal: Principal,
): Promise<readonly LiveEvent[]> {
  switch (principal.kind) {
    case 'recovery':
      return [];
    case 'patient':
      return changed.filter(({ meta }) => meta.owner === `pid:${principal.pid}`).map(eventOf);
    case 'staff': {
      const { id, organisation, roles } = principal;
      const caller: VaultCaller = {
        kind: 'member',
        who: { kind: 'member', id, organisation, roles },
        purpose: 'TREAT',
      };
      const sight = sightOf(vault, caller);
      const events: LiveEvent[] = [];
      for (const record of changed.slice(0, DECISIONS_MAX)) {
        if ((await sight.decide(sightedOf(record))).kind === 'allowed') events.push(eventOf(record));
      }
      if (changed.length > DECISIONS_MAX) events.push({ kind: 'record', type: null, id: null });
      return events;
    }
  }
}

function eventOf({ meta }: Changed): LiveEvent {
  return { kind: 'record', type: meta.type, id: meta.id };
}
