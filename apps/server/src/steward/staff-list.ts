import { ADMINISTRATOR_ROLE, type IdentityFact, identityKey } from '@salus/contracts';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';

const ROLES_MAX = 16;
const ACCOUNTS_MAX = 1_000;

const { account, id, list, nullable, object, oneOf, role, timeMs } = schema;

/** The organisation's accounts beside what the ledger says of the people behind them. */
export function addStaffList(app: FastifyInstance, node: Node): void {
  const person = object({
    ...{ account, id, createdMs: timeMs, disabledMs: nullable(timeMs) },
    roles: list(role, ROLES_MAX),
    /** null: certified by the node, not enrolled by an administrator's signature yet. */
    status: nullable(oneOf(['active', 'revoked'])),
    notAfterMs: nullable(timeMs),
  });
  addRoute<{ org: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/staff',
    access: { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE] },
    summary: 'Accounts of this organisation, by name, with roles and standing as the ledger has them.',
    params: schema.org,
    answer: object({ staff: list(person, ACCOUNTS_MAX) }),
    handle: async ({ params }) => {
      const accounts = await readHosted(node, params.org).accounts.list();
      const staff = await Promise.all(
        accounts.map(async ({ name, id: subject, createdMs, disabledMs }) => {
          const fact = (await node.ledger.get(identityKey(subject))) as IdentityFact | undefined;
          const standing = { roles: fact?.roles ?? [], status: fact?.status ?? null };
          return {
            account: name,
            id: subject,
            createdMs,
            disabledMs,
            ...standing,
            notAfterMs: fact?.notAfterMs ?? null,
          };
        }),
      );
      return { staff: staff.sort((left, right) => (left.account < right.account ? -1 : 1)) };
    },
  });
}
