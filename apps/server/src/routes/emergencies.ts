import { type EmergencyFact, emergencyKey, REVIEWING_ROLES } from '@salus/contracts';
import type { OpenedEmergency } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readHosted } from '../node.ts';

/** Emergency accesses of one answer. */
const LISTED_MAX = 200;

const { anything, flag, hash, id, list, nullable, object, oneOf, text, timeMs } = schema;

interface Asked {
  readonly role?: string;
  readonly reason?: string;
  readonly text?: string;
  readonly untilMs?: number;
  readonly card?: unknown;
}

/** Emergency access that was made to this organisation's records, with the clinician's own words, for its review. */
export function addEmergencyRoutes(app: FastifyInstance, node: Node): void {
  const emergency = object({
    ...{ pid: id, emergency: hash, openedMs: timeMs, untilMs: timeMs, status: oneOf(['open', 'reviewed']) },
    ...{ outcome: nullable(oneOf(['justified', 'unjustified'])), card: flag, reason: text(64), text: text(4_000) },
    reader: object({ id, organisation: schema.organisation, role: text(64) }),
    call: anything,
  });
  addRoute<{ org: string }, { state?: 'open' | 'reviewed' }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/emergencies',
    access: { kind: 'session', who: ['staff'], roles: REVIEWING_ROLES },
    summary:
      'Emergency access to records of this organisation, newest first, for whoever reviews it; each look is logged.',
    params: schema.org,
    query: object({ state: oneOf(['open', 'reviewed']) }, ['state']),
    answer: object({ emergencies: list(emergency, LISTED_MAX) }),
    handle: async ({ params, query, request }) => {
      const { vault } = readHosted(node, params.org);
      const emergencies = await findEmergencies(node, params.org, query.state);
      await vault.audit.append({
        ...{ kind: 'search', atMs: vault.clock(), pid: null, who: memberOf(request), purpose: 'HOPERAT', grant: null },
        ...{ session: null, records: [], outcome: 'ok', request: null, query: 'emergencies' },
      });
      return { emergencies };
    },
  });
}

/** From the organisation's own book, which holds the clinician's signed request, and the ledger, which says what became of it. */
async function findEmergencies(node: Node, slug: string, state: 'open' | 'reviewed' | undefined) {
  const { emergencies } = readHosted(node, slug).exchange;
  const found: ReturnType<typeof shown>[] = [];
  for await (const { pid, emergency } of emergencies.list()) {
    const fact = (await node.ledger.get(emergencyKey(pid, emergency))) as EmergencyFact | undefined;
    if (fact === undefined || (state !== undefined && fact.status !== state)) continue;
    const opened = await emergencies.find(pid, emergency);
    if (opened !== undefined) found.push(shown(opened, fact));
    if (found.length >= LISTED_MAX) break;
  }
  return found;
}

function shown({ pid, emergency, openedMs, reader: who, request: call }: OpenedEmergency, fact: EmergencyFact) {
  const { role = '', reason = '', text: words = '' } = call.payload.args as Asked;
  const { untilMs, status, outcome = null } = fact;
  const reader = { id: who.id, organisation: who.organisation, role };
  return {
    ...{ pid, emergency, openedMs, untilMs, status, outcome, card: fact.card !== undefined },
    ...{ reason, text: words, reader, call },
  };
}
