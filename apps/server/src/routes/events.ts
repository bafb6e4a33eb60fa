import type { FastifyInstance } from 'fastify';
import { sessionOf } from '../http/access.ts';
import { addRoute } from '../http/route.ts';
import * as schema from '../http/schemas.ts';
import type { Node } from '../node.ts';

/** Connections are dear, and a page opens one. */
const OPENED_PER_MINUTE = 600;

/** Live updates: an open page is told that something changed and asks again. The token is in a header, never in a URL. */
export function addEventRoutes(app: FastifyInstance, node: Node): void {
  // A server that closes waits for answers that are under way, and these never end by themselves.
  app.addHook('preClose', async () => node.events.endStreams());
  addRoute<{ org: string }>(app, {
    method: 'GET',
    url: '/api/v1/orgs/:org/events',
    access: { kind: 'session', who: ['staff', 'patient'], guardian: ['read', 'consent'] },
    summary:
      'Server-sent events (text/event-stream) on what changed for whoever is logged in, by kind and ids; ends with the session.',
    params: schema.org,
    perMinute: OPENED_PER_MINUTE,
    answer: 'bytes',
    handle: async ({ request, reply }) => {
      const session = sessionOf(request);
      const stream = await node.events.open(session, session.token);
      // The connection goes with the stream: kept alive, it would hold up a server that closes.
      const headers = { connection: 'close', 'x-accel-buffering': 'no' };
      return reply.headers(headers).type('text/event-stream; charset=utf-8').send(stream.readable);
    },
  });
}
