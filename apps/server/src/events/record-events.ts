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

/**
 * What one session is told of them: a patient of the own records by name; staff only that there is something of what role and
 * care let them see, since what they are told of a record would be a look that stands in no log.
 */
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
      const something: LiveEvent = { kind: 'record', type: null, id: null };
      for (const record of changed.slice(0, DECISIONS_MAX)) {
        if ((await sight.decide(sightedOf(record))).kind === 'allowed') return [something];
      }
      return changed.length > DECISIONS_MAX ? [something] : [];
    }
  }
}

function eventOf({ meta }: Changed): LiveEvent {
  return { kind: 'record', type: meta.type, id: meta.id };
}
