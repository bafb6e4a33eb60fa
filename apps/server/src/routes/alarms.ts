import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import { count, list, matching, nullable, object, org, text } from '../http/schemas.ts';
import type { Node } from '../node.ts';

/** The newest of them; each is a matter for the consortium's administrators. */
const ALARMS_SHOWN_MAX = 1_000;
const KEYS_SHOWN_MAX = 1_000;
const KEY_LENGTH_MAX = 512;
const DETAIL_LENGTH_MAX = 500;

/** What this node's own check of every block found that should not be there. */
export function addAlarmRoutes(app: FastifyInstance, node: Node): void {
  const alarm = object({
    block: count,
    transaction: nullable(text(128)),
    code: text(64),
    keys: list(matching('^[!-~]{1,512}$', KEY_LENGTH_MAX), KEYS_SHOWN_MAX),
    detail: text(DETAIL_LENGTH_MAX),
  });
  addRoute<{ org: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/alarms',
    access: { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE, 'privacy-officer'] },
    summary:
      'Transactions in blocks that should not be there, newest first; nothing that rests on their keys is released.',
    params: org,
    answer: object({ total: count, alarms: list(alarm, ALARMS_SHOWN_MAX) }),
    handle: async () => {
      const all = node.ledger.alarms?.() ?? [];
      const alarms = all
        .slice(-ALARMS_SHOWN_MAX)
        .reverse()
        .map(({ block, txId, code, keys, detail }) => ({
          ...{ block, transaction: txId, code, keys: keys.slice(0, KEYS_SHOWN_MAX) },
          detail: detail.slice(0, DETAIL_LENGTH_MAX),
        }));
      return { total: all.length, alarms };
    },
  });
}
