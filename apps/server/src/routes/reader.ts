import { type Json, parseSealedEnvelope, type SealedEnvelope } from '@salus/crypto';
import { AUDIT_PAGE_MAX, DELIVERY_KINDS, type DeliveryKind, type Who } from '@salus/records';
import type { FastifyInstance } from 'fastify';
import { type GivenCall, takeRequest } from '../consent.ts';
import { staffOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import { type HostedOrganisation, memberOf, type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { committed } from './calls.ts';
import { pageSize } from './ledger.ts';

const TOKENS_PAGE_MAX = 200;
/** For each address: opening an envelope takes about a millisecond. */
const TOKENS_PER_MINUTE = 600;
const DELIVERIES_PAGE_MAX = 200;
const DELIVERY_CHARACTERS_MAX = 1_000_000;
const REVIEWERS = ['privacy-officer'];
const SENDERS = ['clinician', 'nurse', 'pharmacist', 'laboratory'];
const STAFF = { kind: 'session', who: ['staff'] } as const;

const { anything, count, id, list, nullable, object, organisation, text, timeMs } = schema;

interface InOrganisation {
  readonly org: string;
}

/** What staff do towards patients and other organisations: requests, tokens, deliveries, and the review of the audit log. */
export function addReaderRoutes(app: FastifyInstance, node: Node): void {
  addRequests(app, node);
  addDeliveries(app, node);
  addReview(app, node);
}

function addRequests(app: FastifyInstance, node: Node): void {
  const token = object({ authorOrganisation: organisation, terms: anything, salt: schema.hash });
  addRoute<InOrganisation, unknown, GivenCall>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/requests',
    access: STAFF,
    summary: 'Commits a signed consent.request to a patient of this organisation and keeps its words for the patient.',
    params: schema.org,
    body: object({ call: schema.signedCall, privateArgs: schema.privateArgs }),
    answer: committed,
    handle: async ({ params, body, request }) => {
      const { id: requester } = staffOf(request);
      if (body.call.payload.signer !== `id:${requester}`) {
        throw new ServerError('not-permitted', 'The request is signed by somebody else than who is logged in.');
      }
      return takeRequest(readHosted(node, params.org), body, requester);
    },
  });
  addRoute<InOrganisation, { pid?: string; request?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/tokens',
    access: STAFF,
    summary: 'Grants that this person may use now, or those that answered one request.',
    params: schema.org,
    query: object({ pid: id, request: id }, ['pid', 'request']),
    answer: object({ tokens: list(token, TOKENS_PAGE_MAX) }),
    handle: async ({ params, query: { pid, request: asked }, request }) => {
      const { tokens } = readHosted(node, params.org).exchange;
      const usable = await tokens.listUsable(memberOf(request));
      if (pid === undefined || asked === undefined) return { tokens: usable };
      const answering = new Set((await tokens.listOfRequest(pid, asked)).map(({ terms }) => terms.grant));
      return { tokens: usable.filter(({ terms }) => answering.has(terms.grant)) };
    },
  });
  addRoute<InOrganisation, unknown, { token: SealedEnvelope }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/tokens',
    // The token proves itself: it opens a commitment on the ledger and is sealed to this organisation.
    access: { kind: 'signature' },
    perMinute: TOKENS_PER_MINUTE,
    summary: 'Takes a token that a patient hands over directly, sealed to this organisation.',
    params: schema.org,
    body: object({ token: schema.hpkeEnvelope }),
    answer: object({ grant: id }),
    handle: async ({ params, body }) => {
      const { exchange } = readHosted(node, params.org);
      const { terms } = await exchange.tokens.receive(parseSealedEnvelope(body.token as unknown as Json), null);
      return { grant: terms.grant };
    },
  });
}

interface GivenDelivery {
  readonly delivery: string;
  readonly to: string;
  readonly kind: DeliveryKind;
  readonly body: string;
  readonly pid: string | null;
}

function addDeliveries(app: FastifyInstance, node: Node): void {
  const body = text(DELIVERY_CHARACTERS_MAX);
  const kind = schema.oneOf(DELIVERY_KINDS);
  const sent = object({
    delivery: id,
    to: organisation,
    kind,
    atMs: timeMs,
    state: schema.oneOf(['pending', 'delivered', 'refused']),
    code: nullable(text(64)),
    receipt: anything,
  });
  const received = object({
    delivery: id,
    from: organisation,
    kind,
    body: nullable(body),
    atMs: timeMs,
    state: schema.oneOf(['new', 'done']),
  });
  addRoute<InOrganisation, unknown, GivenDelivery>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/deliveries',
    access: { ...STAFF, roles: SENDERS },
    summary:
      'Sends an order, result, prescription or task, sealed to the receiver; the same id again does nothing new.',
    params: schema.org,
    body: object({ delivery: id, to: organisation, kind, body, pid: nullable(id) }),
    answer: sent,
    handle: async ({ params, body: given, request }) => {
      const { vault, exchange } = readHosted(node, params.org);
      if (given.pid !== null && (await vault.patients.findByPid(given.pid)) === undefined) {
        throw new ServerError('not-found', 'No such patient is registered here.');
      }
      return exchange.deliveries.send({ ...given, who: memberOf(request) });
    },
  });
  addRoute<InOrganisation, { state?: 'new' | 'done'; after?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/inbox',
    access: { ...STAFF, roles: SENDERS },
    summary: 'What other organisations delivered, oldest first; of what was dealt with, the content is gone.',
    params: schema.org,
    query: object({ state: schema.oneOf(['new', 'done']), after: schema.digits, limit: schema.digits }, [
      'state',
      'after',
      'limit',
    ]),
    answer: object({ deliveries: list(received, DELIVERIES_PAGE_MAX) }),
    handle: async ({ params, query: { state = 'new', after, limit }, request }) => {
      const { vault, exchange } = readHosted(node, params.org);
      const page = {
        state,
        limit: pageSize(limit, 50, DELIVERIES_PAGE_MAX),
        ...(after === undefined ? {} : { afterMs: Number(after) }),
      };
      const deliveries = await exchange.deliveries.listInbox(page);
      if (deliveries.length > 0) await noteInbox(vault, memberOf(request));
      return { deliveries };
    },
  });
  addRoute<InOrganisation & { delivery: string }, unknown, { from: string }>(app, {
    method: 'POST',
    url: '/api/v1/orgs/:org/inbox/:delivery',
    access: { ...STAFF, roles: SENDERS },
    summary: 'Says that a delivery was dealt with: its content is kept no longer.',
    params: object({ org: organisation, delivery: id }),
    body: object({ from: organisation }),
    answer: null,
    handle: ({ params, body: { from } }) =>
      readHosted(node, params.org).exchange.deliveries.settle(from, params.delivery),
  });
}

/** Deliveries hold health data: who looked into the inbox stands in the audit log before anything is shown. */
async function noteInbox({ audit, clock }: HostedOrganisation['vault'], who: Who): Promise<void> {
  const nothing = { pid: null, grant: null, session: null, records: [], request: null };
  await audit.append({ kind: 'search', atMs: clock(), who, purpose: 'TREAT', outcome: 'ok', ...nothing });
}

function addReview(app: FastifyInstance, node: Node): void {
  addRoute<InOrganisation, { before?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/audit',
    access: { ...STAFF, roles: REVIEWERS },
    summary: 'The organisation’s own audit log, newest first, for its privacy officer.',
    params: schema.org,
    query: object({ before: schema.digits, limit: schema.digits }, ['before', 'limit']),
    answer: object({ lines: list(object({ seq: count, pidSeq: nullable(count), event: anything }), AUDIT_PAGE_MAX) }),
    handle: async ({ params, query }) => {
      const page = {
        limit: pageSize(query.limit, 50, AUDIT_PAGE_MAX),
        ...(query.before === undefined ? {} : { before: Number(query.before) }),
      };
      return { lines: await readHosted(node, params.org).vault.audit.list(page) };
    },
  });
}
