import { ADMINISTRATOR_ROLE } from '@salus/contracts';
import { pairIndex } from '@salus/fhir';
import { HELD_MESSAGES_PAGE_MAX, type HeldMessage } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, memberOf, type Node, readHosted } from '../node.ts';
import { pageSize } from '../routes/ledger.ts';
import { ServerError } from '../server-error.ts';
import { certifyFeed } from './feed-client.ts';
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
  addRoute<InOrganisation, { before?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/hl7/messages',
    access: overseer,
    summary: 'HL7 v2 messages that were refused, the latest first: why and where, without their content.',
    params: org,
    query: object({ before: schema.digits, limit: schema.digits }, ['before', 'limit']),
    answer: object({ messages: list(facts, HELD_MESSAGES_PAGE_MAX) }),
    handle: async ({ params, query: { before, limit } }) => {
      const page = { limit: pageSize(limit, 100, HELD_MESSAGES_PAGE_MAX) };
      const { heldMessages } = readHosted(node, params.org).vault;
      const messages = await heldMessages.list(before === undefined ? page : { ...page, before: Number(before) });
      return { messages: messages.map(({ pid: _pid, ...shown }) => shown) };
    },
  });
  addRoute<InOrganisation & { message: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/hl7/messages/:message/content',
    access: { kind: 'session', who: ['staff'] },
    summary: 'The bytes of a refused message, for those who may see such a record of its patient; audited.',
    params: object({ org: schema.organisation, message: messageId }),
    answer: object({ content: text(MESSAGE_BYTES_MAX * 2) }),
    handle: async ({ params, request }) => {
      const organisation = readHosted(node, params.org);
      const found = await organisation.vault.heldMessages.find(params.message);
      if (found === undefined) throw new ServerError('not-found', 'There is no such refused message.');
      await demandSight(organisation, found.message, memberOf(request));
      return { content: found.bytes.toString('base64') };
    },
  });
  addRoute<InOrganisation & { message: string }>(app, {
    method: 'DELETE',
    url: '/api/v1/orgs/:org/hl7/messages/:message',
    access: overseer,
    summary: 'Puts a refused message aside: it is not kept any longer.',
    params: object({ org: schema.organisation, message: messageId }),
    answer: null,
    handle: async ({ params }) => {
      const isThere = await readHosted(node, params.org).vault.heldMessages.remove(params.message);
      if (!isThere) throw new ServerError('not-found', 'There is no such refused message.');
    },
  });
}

/**
 * A refused message is a record that never came to be: who could see the record sees the message. Nobody knows the
 * patient of some: then only the role that works with such messages does.
 */
async function demandSight(
  { vault, slug }: HostedOrganisation,
  { pid, type }: HeldMessage,
  who: ReturnType<typeof memberOf>,
): Promise<void> {
  const isResult = type.startsWith('ORU');
  const pair = pairIndex(isResult ? 'laboratory' : 'identity', 'N');
  const decision =
    pid === null
      ? { kind: who.roles.includes(isResult ? 'laboratory' : 'registrar') ? 'allowed' : 'denied', reason: 'role' }
      : await vault.access.decide(who, { owner: `pid:${pid}`, pair });
  const outcome = decision.kind === 'allowed' ? 'ok' : decision.reason;
  await vault.audit.append({
    kind: decision.kind === 'allowed' ? 'read' : 'refusal',
    ...{ atMs: vault.clock(), pid, who, purpose: 'TREAT', outcome },
    ...{ grant: null, session: null, records: [], request: null },
  });
  if (decision.kind !== 'allowed') {
    throw new ServerError('not-permitted', `The message is for those at ${slug} who may see such a record.`);
  }
}
