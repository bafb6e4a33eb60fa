import type { FastifyInstance } from 'fastify';
import { createHttp } from '../src/http/server.ts';
import { createMetrics } from '../src/metrics.ts';
import type { Node } from '../src/node.ts';
import { addRoutes } from '../src/routes/routes.ts';
import { BearerTokens } from '../src/smart/bearer.ts';
import { SmartServers } from '../src/smart/smart-server.ts';
import { Subscriptions } from '../src/subscriptions/subscriptions.ts';
import type { TestPlace } from './consortium.ts';

/** The node's HTTP API, as the server opens it, with its log lines kept. */
export async function openApi(node: Node, { settings }: TestPlace, log: string[]): Promise<FastifyInstance> {
  const metrics = createMetrics(async () => ({
    ledgerHeight: await node.ledger.height(),
    sessions: node.sessions.size,
    alarms: 0,
  }));
  const smart = new SmartServers(node);
  const apps = new BearerTokens(smart);
  const app = await createHttp({
    settings: { ...settings, logLevel: 'debug' },
    metrics,
    sessions: node.sessions,
    apps,
    logTo: (line) => log.push(line),
  });
  const subscriptions = await Subscriptions.open(node, {
    endpoints: { listed: new Set(), demonstration: false },
    recallApp: (slug, token) => apps.recall(slug, token),
    registry: metrics.registry,
    onFailure: (error) => log.push(String(error)),
  });
  app.addHook('onClose', () => subscriptions[Symbol.asyncDispose]());
  addRoutes(app, node, { metrics, smart, subscriptions });
  await app.ready();
  return app;
}

export type Answer = { readonly status: number; readonly json: ReturnType<typeof JSON.parse> };

/** One request, past the network. */
export async function send(
  app: FastifyInstance,
  method: 'GET' | 'POST',
  url: string,
  { token = '', body = undefined as unknown } = {},
): Promise<Answer> {
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` };
  const content = body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) };
  if (body !== undefined)
    headers['content-type'] = url.includes('/fhir/') ? 'application/fhir+json' : 'application/json';
  const { statusCode, body: text } = await app.inject({ method, url, headers, ...content });
  return { status: statusCode, json: text.startsWith('{') ? JSON.parse(text) : undefined };
}
