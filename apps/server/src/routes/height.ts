import type { FastifyInstance } from 'fastify';
import { HEIGHT_HEADER, parseHeight, reachesHeight } from '../exchange/ledger-height.ts';
import type { NodeLedger } from '../node-ledger.ts';
import { ServerError } from '../server-error.ts';

/**
 * Where others make the blocks, nodes see them a moment apart: each answer says how far this one was, and a client that
 * goes on at another organisation's node is answered from no less.
 */
export function addHeights(app: FastifyInstance, ledger: NodeLedger): void {
  if (ledger.alarms === undefined) return;
  app.addHook('onRequest', async ({ headers }) => {
    if (await reachesHeight(ledger, parseHeight(headers[HEIGHT_HEADER]))) return;
    throw new ServerError('overloaded', 'This node’s ledger is behind what you have seen elsewhere: try again.');
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header(HEIGHT_HEADER, String(await ledger.height()));
  });
}
