import { type EmergencyFact, emergencyKey, REVIEWING_ROLES, type SignedCall } from '@salus/contracts';
import { AUDIT_PAGE_MAX } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { memberOf, type Node, readHosted } from '../node.ts';

/** Emergency accesses of one answer, and lines of the audit log that are looked through for it. */
const LISTED_MAX = 200;
const LINES_MAX = 20_000;

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

/** From the audit log, which holds the clinician's signed request, and the ledger, which says what became of it. */
async function findEmergencies(node: Node, slug: string, state: 'open' | 'reviewed' | undefined) {
  const { audit } = readHosted(node, slug).vault;
  const found: ReturnType<typeof shown>[] = [];
  let before: number | undefined;
  for (let looked = 0; looked < LINES_MAX && found.length < LISTED_MAX; looked += AUDIT_PAGE_MAX) {
    const lines = await audit.list({ limit: AUDIT_PAGE_MAX, ...(before === undefined ? {} : { before }) });
    for (const { event } of lines) {
      if (event.kind !== 'emergency' || event.pid === null || event.session === null || event.request === null)
        continue;
      const key = emergencyKey(event.pid, event.session);
      const fact = (await node.ledger.get(key)) as EmergencyFact | undefined;
      // The reader's side logs its own emergencies elsewhere, too: those are reviewed there.
      if (fact === undefined || (state !== undefined && fact.status !== state)) continue;
      if (found.some((known) => known.emergency === event.session)) continue;
      found.push(
        shown({ pid: event.pid, emergency: event.session, openedMs: event.atMs }, fact, event.request, event.who),
      );
    }
    before = lines.at(-1)?.seq;
    if (lines.length < AUDIT_PAGE_MAX || before === undefined) break;
  }
  return found.slice(0, LISTED_MAX);
}

type LoggedWho = { readonly kind: string; readonly id?: string; readonly organisation?: string } | null;

function shown(
  named: { readonly pid: string; readonly emergency: string; readonly openedMs: number },
  fact: EmergencyFact,
  call: SignedCall,
  who: LoggedWho,
) {
  const { role = '', reason = '', text: words = '' } = call.payload.args as Asked;
  const { untilMs, status, outcome = null } = fact;
  const reader = {
    id: who?.id ?? call.payload.signer.slice('id:'.length),
    organisation: who?.organisation ?? '',
    role,
  };
  return { ...named, untilMs, status, outcome, card: fact.card !== undefined, reason, text: words, reader, call };
}
