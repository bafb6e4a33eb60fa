import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import { PAIRS, pairIndex } from '@salus/fhir';
import { HELD_MESSAGES_PAGE_MAX, type HeldMessage } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, memberOf, type Node, readHosted } from '../node.ts';
import { pageSize } from '../routes/ledger.ts';
import { ServerError } from '../server-error.ts';
import { certifyFeed } from './feed-client.ts';
import { identityPart } from './identity-part.ts';
import { MESSAGE_BYTES_MAX } from './message.ts';

/** Whoever looks after the interfaces sees what was refused and why, and never what stands in it. */
const INTEGRATION_ROLE = 'integration';
const REASON_LENGTH_MAX = 300;
const LOCATION_LENGTH_MAX = 32;
const CONTROL_ID_LENGTH_MAX = 256;
const CHAIN_NAME = schema.matching('^[a-z][a-z0-9-]{0,31}$', 32);

const { count, id, list, nullable, object, oneOf, org, text, timeMs } = schema;
const messageId = schema.matching('^[A-Za-z0-9_-]{22}\\.[A-Za-z0-9_-]{22}$', 45);

interface InOrganisation {
  readonly org: string;
}

/** Feeds of HL7 v2 and the messages of theirs that were refused. */
export function addHl7Routes(app: FastifyInstance, node: Node): void {
  const overseer = { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE, INTEGRATION_ROLE] } as const;
  const facts = object({
    ...{ id: messageId, client: CHAIN_NAME, type: text(16), controlId: text(CONTROL_ID_LENGTH_MAX) },
    ...{ acknowledgement: oneOf(['AE', 'AR']), condition: text(8), location: nullable(text(LOCATION_LENGTH_MAX)) },
    ...{ reason: text(REASON_LENGTH_MAX), firstMs: timeMs, lastMs: timeMs, attempts: count },
  });
  addRoute<InOrganisation, unknown, { name: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/feeds',
    access: { kind: 'session', who: ['staff'], roles: [ADMINISTRATOR_ROLE] },
    summary:
      'Certifies a client that writes what another system sends; it is listened to once the administrator’s own signed membership.enrol with this chain is committed.',
    params: org,
    body: object({ name: CHAIN_NAME }),
    answer: object({ id, chain: schema.chain }),
    handle: async ({ params, body }) => {
      const { id: client, chain } = await certifyFeed(readHosted(node, params.org), body.name, node.nowMs());
      return { id: client, chain };
    },
  });
  addRoute<InOrganisation, { before?: string; beforeId?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/hl7/messages',
    access: overseer,
    summary:
      'HL7 v2 messages that were refused, the latest first: why and where, without their content. The next page: `before` and `beforeId` are lastMs and id of the last.',
    params: org,
    query: object({ before: schema.digits, beforeId: messageId, limit: schema.digits }, [
      'before',
      'beforeId',
      'limit',
    ]),
    answer: object({ messages: list(facts, HELD_MESSAGES_PAGE_MAX) }),
    handle: async ({ params, query: { before, beforeId = '', limit } }) => {
      const page = { limit: pageSize(limit, 100, HELD_MESSAGES_PAGE_MAX) };
      const { heldMessages } = readHosted(node, params.org).vault;
      const last = before === undefined ? {} : { before: { lastMs: Number(before), id: beforeId } };
      const messages = await heldMessages.list({ ...page, ...last });
      return { messages: messages.map(({ pid: _pid, ...shown }) => shown) };
    },
  });
  addRoute<InOrganisation & { message: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/hl7/messages/:message/content',
    access: { kind: 'session', who: ['staff'] },
    summary:
      'The bytes of a refused message, for those who may see every record of its patient; for those who may see identities alone, whose it is. Audited.',
    params: object({ org: schema.organisation, message: messageId }),
    answer: object({ content: text(MESSAGE_BYTES_MAX * 2), part: oneOf(['whole', 'identity']) }),
    handle: async ({ params, request }) => {
      const organisation = readHosted(node, params.org);
      const found = await organisation.vault.heldMessages.find(params.message);
      if (found === undefined) throw new ServerError('not-found', 'There is no such refused message.');
      const part = await demandSight(organisation, found.message, memberOf(request));
      const bytes = part === 'whole' ? found.bytes : identityPart(found.bytes);
      return { content: bytes.toString('base64'), part };
    },
  });
  addRoute<InOrganisation & { message: string }>(app, {
    method: 'DELETE',
    url: '/api/v1/orgs/:org/hl7/messages/:message',
    access: overseer,
    summary: 'Puts a refused message aside: it is not kept any longer. Audited.',
    params: object({ org: schema.organisation, message: messageId }),
    answer: null,
    handle: async ({ params, request }) => {
      const { audit, clock, heldMessages } = readHosted(node, params.org).vault;
      const found = await heldMessages.find(params.message);
      if (found === undefined) throw new ServerError('not-found', 'There is no such refused message.');
      await audit.append({
        ...{ kind: 'erasure', atMs: clock(), pid: found.message.pid, who: memberOf(request), outcome: 'ok' },
        ...{ purpose: null, grant: null, session: null, records: [], request: null },
      });
      await heldMessages.remove(params.message);
    },
  });
}

/**
 * A refused message was never read: it may hold anything, under any label. Whole it is for those who may see every record
 * of its patient. Whoever may see no more than who somebody is sees that of it; where nobody knows whose it is, the role
 * that works with such messages does.
 */
async function demandSight(
  { vault, slug }: HostedOrganisation,
  { pid, type }: HeldMessage,
  who: ReturnType<typeof memberOf>,
): Promise<'whole' | 'identity'> {
  const working = type.startsWith('ORU') ? 'laboratory' : 'registrar';
  const ask = (pair: number) => vault.access.decide(who, { owner: `pid:${pid}`, pair });
  let outcome = pid === null && !who.roles.includes(working) ? 'role' : 'ok';
  let isWhole = pid !== null;
  for (let pair = 0; isWhole && pair < PAIRS.length; pair += 1) isWhole = (await ask(pair)).kind === 'allowed';
  if (pid !== null && !isWhole) {
    const decision = await ask(pairIndex('identity', 'N'));
    if (decision.kind === 'denied') outcome = decision.reason;
  }
  await vault.audit.append({
    kind: outcome === 'ok' ? 'read' : 'refusal',
    ...{ atMs: vault.clock(), pid, who, purpose: 'TREAT', outcome },
    ...{ grant: null, session: null, records: [], request: null },
  });
  if (outcome !== 'ok') {
    throw new ServerError('not-permitted', `The message is for those at ${slug} who may see such a record.`);
  }
  return isWhole ? 'whole' : 'identity';
}
