import {
  type FhirTree,
  hasErrors,
  parseFhirJson,
  parseFhirXml,
  stringifyFhirJson,
  validateForWrite,
} from '@salus/fhir';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { callerOf, FHIR_ACCESS } from '../fhir/caller.ts';
import { describe, IN_BASE, type InPath } from '../fhir/describe.ts';
import { sendProblem, sendTree } from '../fhir/fhir-answer.ts';
import type { Access } from '../http/access.ts';
import { problem } from '../http/problem.ts';
import * as schema from '../http/schemas.ts';
import { type Node, readHosted } from '../node.ts';
import { ServerError } from '../server-error.ts';
import type { SubscriptionEngine } from './engine.ts';
import { statusOf } from './notification-bundle.ts';
import { isSame, type Requester, requesterOf } from './requester.ts';
import { parseSubscription } from './subscription.ts';
import { type StoredSubscription, SUBSCRIPTIONS_MAX, SUBSCRIPTIONS_OF_ONE_MAX, shown } from './subscription-store.ts';
import type { Subscriptions } from './subscriptions.ts';

const SUBSCRIPTION_BYTES_MAX = 64 * 1024;
const BASE = '/:org/fhir/R4/Subscription';
const ACCESS: Access = { ...FHIR_ACCESS, type: 'Subscription' };

type Named = Pick<InPath, 'org' | 'id'>;

/** FHIR Subscription: each is its requester's own, seen and changed by nobody else. */
export function addSubscriptions(app: FastifyInstance, node: Node, subscriptions: Subscriptions): void {
  const config = { access: ACCESS, fhir: true } as const;
  const one = { ...IN_BASE, id: schema.fhirId };
  app.route<{ Params: Pick<InPath, 'org'>; Body: Buffer | undefined }>({
    method: 'POST',
    url: BASE,
    config,
    bodyLimit: SUBSCRIPTION_BYTES_MAX,
    schema: describe('Asks to be told of changes that the caller may see.', IN_BASE, { hasBody: true }),
    handler: async (request, reply) => {
      const engine = subscriptions.of(request.params.org);
      const tree = parseBody(request);
      const issues = validateForWrite(tree);
      if (hasErrors(issues)) return sendProblem(reply, { ...problem('structure-invalid'), issues });
      const stored = await create(node, engine, { subscriptions, request, tree });
      const { baseUrl } = readHosted(node, request.params.org);
      return sendTree(reply.header('location', `${baseUrl}/Subscription/${stored.id}`), shown(stored), 201);
    },
  });
  app.route<{ Params: Pick<InPath, 'org'> }>({
    method: 'GET',
    url: BASE,
    config,
    schema: describe('The caller’s own subscriptions.', IN_BASE),
    handler: async (request, reply) => {
      const requester = requesterOf(request);
      const all = await subscriptions.of(request.params.org).store.list();
      const own = all.filter((stored) => isSame(stored.requester, requester));
      const { baseUrl } = readHosted(node, request.params.org);
      return sendTree(reply, {
        ...{ resourceType: 'Bundle', type: 'searchset', total: own.length },
        entry: own.map((stored) => ({
          fullUrl: `${baseUrl}/Subscription/${stored.id}`,
          resource: shown(stored),
          search: { mode: 'match' },
        })),
      });
    },
  });
  app.route<{ Params: Named }>({
    method: 'GET',
    url: `${BASE}/:id`,
    config,
    schema: describe('One of the caller’s own subscriptions.', one),
    handler: async (request, reply) => {
      const stored = await readOwn(subscriptions.of(request.params.org), request);
      return sendTree(reply.header('etag', `W/"${stored.versionId}"`), shown(stored));
    },
  });
  app.route<{ Params: Named; Body: Buffer | undefined }>({
    method: 'PUT',
    url: `${BASE}/:id`,
    config,
    bodyLimit: SUBSCRIPTION_BYTES_MAX,
    schema: describe('Changes a subscription; one in error or off starts again.', one, { hasBody: true }),
    handler: async (request, reply) => {
      const engine = subscriptions.of(request.params.org);
      const before = await readOwn(engine, request);
      const tree = parseBody(request);
      const issues = validateForWrite(tree);
      if (hasErrors(issues)) return sendProblem(reply, { ...problem('structure-invalid'), issues });
      const { baseUrl } = readHosted(node, request.params.org);
      parseSubscription(tree, { baseUrl, endpoints: subscriptions.endpoints });
      const fromSeq =
        before.status === 'off' ? await readHosted(node, request.params.org).vault.changes.head() : before.fromSeq;
      const stored: StoredSubscription = {
        ...before,
        fromSeq,
        versionId: before.versionId + 1,
        status: tree.status === 'off' ? 'off' : 'requested',
        ...{ error: null, updatedMs: node.nowMs(), resource: tree, requester: requesterOf(request) },
      };
      await engine.put(stored);
      return sendTree(reply, shown(stored));
    },
  });
  app.route<{ Params: Named }>({
    method: 'DELETE',
    url: `${BASE}/:id`,
    config,
    schema: describe('Ends a subscription; what waited is not sent any more.', one),
    handler: async (request, reply) => {
      const engine = subscriptions.of(request.params.org);
      const { id } = await readOwn(engine, request);
      await engine.delete(id);
      return reply.code(204).send();
    },
  });
  addOperations(app, node, subscriptions);
}

function addOperations(app: FastifyInstance, node: Node, subscriptions: Subscriptions): void {
  const config = { access: ACCESS, fhir: true } as const;
  const one = { ...IN_BASE, id: schema.fhirId };
  app.route<{ Params: Named }>({
    method: 'GET',
    url: `${BASE}/:id/$status`,
    config,
    schema: describe('How a subscription stands (Backport 1.1.0 §2.4).', one),
    handler: async (request, reply) => {
      const engine = subscriptions.of(request.params.org);
      const stored = await readOwn(engine, request);
      const { baseUrl } = readHosted(node, request.params.org);
      const { content } = parseSubscription(stored.resource, { baseUrl, endpoints: subscriptions.endpoints });
      const facts = { baseUrl, subscription: stored.id, status: stored.status, content, nowMs: node.nowMs() };
      const resource = statusOf('query-status', { ...facts, events: await engine.events(stored.id) });
      return sendTree(reply, {
        ...{ resourceType: 'Bundle', type: 'searchset', total: 1 },
        entry: [{ resource, search: { mode: 'match' } }],
      });
    },
  });
  app.route<{ Params: Named }>({
    method: ['GET', 'POST'],
    url: `${BASE}/:id/$get-ws-binding-token`,
    config,
    schema: describe('A token that binds a websocket to a subscription (Backport 1.1.0 §2.4).', one),
    handler: async (request, reply) => {
      const { org } = request.params;
      const stored = await readOwn(subscriptions.of(org), request);
      const { token, expiresMs } = await subscriptions.bindingToken(org, stored.id);
      const { baseUrl } = readHosted(node, org);
      return sendTree(reply, {
        resourceType: 'Parameters',
        parameter: [
          { name: 'token', valueString: token },
          { name: 'expiration', valueDateTime: new Date(expiresMs).toISOString() },
          { name: 'subscription', valueString: stored.id },
          { name: 'websocket-url', valueUrl: `${baseUrl.replace(/^http/, 'ws')}/$subscriptions` },
        ],
      });
    },
  });
}

async function create(
  node: Node,
  engine: SubscriptionEngine,
  {
    subscriptions,
    request,
    tree,
  }: {
    readonly subscriptions: Subscriptions;
    readonly request: FastifyRequest<{ Params: Pick<InPath, 'org'> }>;
    readonly tree: FhirTree;
  },
): Promise<StoredSubscription> {
  const { baseUrl, vault } = readHosted(node, request.params.org);
  // Refuses whoever has no caller at all.
  callerOf(node, request);
  parseSubscription(tree, { baseUrl, endpoints: subscriptions.endpoints });
  const requester = requesterOf(request);
  await demandRoom(engine, requester);
  const stored: StoredSubscription = {
    ...{ id: crypto.randomUUID(), versionId: 1, status: 'requested', error: null, requester },
    ...{ fromSeq: await vault.changes.head(), updatedMs: node.nowMs(), resource: tree },
  };
  await engine.put(stored);
  return stored;
}

async function demandRoom(engine: SubscriptionEngine, requester: Requester): Promise<void> {
  const all = await engine.store.list();
  const own = all.filter((stored) => isSame(stored.requester, requester)).length;
  if (all.length >= SUBSCRIPTIONS_MAX || own >= SUBSCRIPTIONS_OF_ONE_MAX) {
    throw new ServerError('overloaded', 'There are as many subscriptions as this node takes: end one first.');
  }
}

/** Another's subscription is as if it were not there. */
async function readOwn(
  engine: SubscriptionEngine,
  request: FastifyRequest<{ Params: Named }>,
): Promise<StoredSubscription> {
  const stored = await engine.store.find(request.params.id);
  if (stored === undefined || !isSame(stored.requester, requesterOf(request))) {
    throw new ServerError('not-found', 'There is no such subscription of yours.');
  }
  return stored;
}

function parseBody({ body, headers }: FastifyRequest<{ Body: Buffer | undefined }>): FhirTree {
  if (body === undefined) throw new ServerError('bad-request', 'A Subscription is the body of the request.');
  const tree = /xml/.test(headers['content-type'] ?? '') ? parseFhirXml(body) : parseFhirJson(body);
  if (tree.resourceType !== 'Subscription') throw new ServerError('bad-request', 'The body is not a Subscription.');
  // Kept as JSON, whatever it came in.
  return parseFhirJson(Buffer.from(stringifyFhirJson(tree)));
}
