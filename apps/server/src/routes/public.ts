import { CONTRACTS_VERSION, loadMembers } from '@salus/contracts';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import type { Metrics } from '../metrics.ts';
import type { Node } from '../node.ts';

const ORGANISATIONS_MAX = 64;
const HPKE_KEYS_MAX = 256;

const { count, flag, id, list, nullable, object, organisation, publicKey, text, timeMs } = schema;
const PUBLIC = { kind: 'public' } as const;
/** For each address: monitors and wallets ask now and then. */
const ASKED_PER_MINUTE = 6_000;

/** What anybody may know: that the node runs, who its members are, and how to speak with it. */
export function addPublicRoutes(app: FastifyInstance, node: Node, metrics: Metrics): void {
  addRoute(app, {
    method: 'GET',
    url: '/health',
    access: PUBLIC,
    summary:
      'Whether the node serves; `releasing` is false while blocks lost by a restored backup are unnamed, `alarms` counts transactions that should not be in a block.',
    perMinute: ASKED_PER_MINUTE,
    answer: object({
      status: schema.oneOf(['ok']),
      height: count,
      releasing: flag,
      alarms: count,
      rollbackNeeded: nullable(object({ from: count, to: count, hash: schema.hash })),
    }),
    handle: async () => ({
      status: 'ok',
      height: await node.ledger.height(),
      releasing: [...node.organisations.values()].every(({ vault }) => !vault.guard.isClosed),
      alarms: node.ledger.alarms?.().length ?? 0,
      rollbackNeeded: node.ledger.rollbackNeeded ?? null,
    }),
  });
  addDescriptions(app, metrics);
  addNetwork(app, node);
}

function addDescriptions(app: FastifyInstance, metrics: Metrics): void {
  const text = { type: 'string' };
  const metricsAnswer = { 200: { description: 'Figures.', content: { 'text/plain': { schema: text } } } };
  app.get(
    '/metrics',
    {
      config: { access: { kind: 'metrics' } },
      schema: { summary: 'Figures for Prometheus.', response: metricsAnswer },
    },
    async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
  app.get(
    '/api/v1/openapi.json',
    { config: { access: PUBLIC }, schema: { summary: 'This description.' } },
    async (_request, reply) => reply.type('application/json').send(JSON.stringify(app.swagger())),
  );
}

function addNetwork(app: FastifyInstance, node: Node): void {
  const key = object({ kid: id, publicKey, holder: text(22), fromMs: timeMs, untilMs: nullable(timeMs) });
  const member = object({
    organisation,
    status: schema.oneOf(['active', 'removed']),
    hpke: list(key, HPKE_KEYS_MAX),
    /** The certified id of its node where this process hosts it. */
    node: nullable(id),
  });
  addRoute(app, {
    method: 'GET',
    url: '/api/v1/network',
    access: PUBLIC,
    summary: 'The network, its members and the keys to which patients may seal.',
    perMinute: ASKED_PER_MINUTE,
    answer: object({
      network: id,
      demonstration: flag,
      contracts: text(32),
      nowMs: timeMs,
      organisations: list(member, ORGANISATIONS_MAX),
    }),
    handle: async () => {
      const members = await loadMembers((name) => node.ledger.get(name));
      const organisations = (members.network?.organisations ?? []).map((slug) => {
        const { status, hpke } = members.roots(slug)!;
        return { organisation: slug, status, hpke, node: node.organisations.get(slug)?.node.id ?? null };
      });
      const { network, demonstration } = node;
      return { network, demonstration, contracts: CONTRACTS_VERSION, nowMs: node.nowMs(), organisations };
    },
  });
}
