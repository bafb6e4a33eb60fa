import type { Block, Place } from '@salus/ledger';
import type { FastifyInstance } from 'fastify';
import { addRoute } from '../http/route.ts';
import { anything, count, digits, hash, list, matching, nullable, object, text, timeMs } from '../http/schemas.ts';
import type { Node } from '../node.ts';
import { ServerError } from '../server-error.ts';
import { findProvenTransaction } from './proven-transaction.ts';

export const BLOCKS_PAGE_MAX = 100;
export const ENTRIES_PAGE_MAX = 200;
const KEY_LENGTH_MAX = 512;

const ANYBODY = { kind: 'session', who: ['staff', 'patient'], guardian: 'any' } as const;
/** A key of the world state: printable ASCII. */
const key = matching('^[!-~]{1,512}$', KEY_LENGTH_MAX);
const place = matching('^[0-9]{1,15}/[0-9]{1,9}$', 25);
const transaction = object({
  callId: hash,
  block: count,
  index: count,
  timestampMs: timeMs,
  call: anything,
  outcome: anything,
});
const block = object({ header: anything, hash, signature: text(100), transactions: list(transaction, 100_000) });
const proof = object({ leafHash: hash, index: count, size: count, proof: list(hash, 64), root: hash });
/** What checks itself: a transaction, its block's header, and the way from one to the other. */
export const provenTransaction = object({
  transaction,
  header: anything,
  hash,
  signature: text(100),
  inclusion: proof,
});

/** What every member may read of the ledger; nothing on it names a person. */
export function addLedgerRoutes(app: FastifyInstance, { ledger }: Node): void {
  addRoute<{ number: string }>(app, {
    method: 'GET',
    url: '/api/v1/ledger/blocks/:number',
    access: ANYBODY,
    summary: 'One block: header, hash, signature and the transactions with their write sets.',
    params: object({ number: digits }),
    answer: block,
    handle: async ({ params }) => found(await ledger.block(Number(params.number)), 'block'),
  });
  addRoute<unknown, { from?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/ledger/blocks',
    access: ANYBODY,
    summary: 'Blocks from a number on, without gaps.',
    query: object({ from: digits, limit: digits }, ['from', 'limit']),
    answer: object({ height: count, blocks: list(block, BLOCKS_PAGE_MAX) }),
    handle: async ({ query }) => {
      const height = await ledger.height();
      const from = Number(query.from ?? 0);
      const end = Math.min(height + 1, from + pageSize(query.limit, 20, BLOCKS_PAGE_MAX));
      const blocks: Block[] = [];
      for (let number = from; number < end; number += 1) blocks.push(found(await ledger.block(number), 'block'));
      return { height, blocks };
    },
  });
  addRoute<{ callId: string }>(app, {
    method: 'GET',
    url: '/api/v1/ledger/transactions/:callId',
    access: ANYBODY,
    summary: 'One transaction with the proof that its block holds it.',
    params: object({ callId: hash }),
    answer: provenTransaction,
    handle: async ({ params }) => found(await findProvenTransaction(ledger, params.callId), 'transaction'),
  });
  addRoute<unknown, { key: string }>(app, {
    method: 'GET',
    url: '/api/v1/ledger/state',
    // Whoever recovers must know which key change was the last one.
    access: { ...ANYBODY, who: [...ANYBODY.who, 'recovery'] },
    summary: 'The value of one key of the world state, null where there is none.',
    query: object({ key }),
    answer: object({ key, value: anything }),
    handle: async ({ query }) => ({ key: query.key, value: (await ledger.get(query.key)) ?? null }),
  });
  addRoute<unknown, { prefix: string; after?: string; limit?: string }>(app, {
    method: 'GET',
    url: '/api/v1/ledger/entries',
    access: ANYBODY,
    summary: 'Entries of the world state whose keys begin with a prefix, in order of their keys.',
    query: object({ prefix: key, after: key, limit: digits }, ['after', 'limit']),
    answer: object({ entries: list(object({ key, value: anything }), ENTRIES_PAGE_MAX), next: nullable(key) }),
    handle: async ({ query: { prefix, after, limit } }) => {
      const size = pageSize(limit, 50, ENTRIES_PAGE_MAX);
      const start = after === undefined || after < prefix ? prefix : `${after}\u0000`;
      // 0x7f follows every character of a key.
      const entries = await ledger.range(start, `${prefix}\u007f`, size);
      return { entries, next: entries.length < size ? null : (entries.at(-1)?.key ?? null) };
    },
  });
  addRoute<unknown, { key: string; limit?: string; before?: string }>(app, {
    method: 'GET',
    url: '/api/v1/ledger/history',
    access: ANYBODY,
    summary: 'The values that a key had, newest first, each with its transaction.',
    query: object({ key, limit: digits, before: place }, ['limit', 'before']),
    answer: object({
      versions: list(
        object({ block: count, index: count, timestampMs: timeMs, callId: hash, value: anything }),
        ENTRIES_PAGE_MAX,
      ),
    }),
    handle: async ({ query }) => {
      const limit = pageSize(query.limit, 50, ENTRIES_PAGE_MAX);
      const before = query.before === undefined ? {} : { before: parsePlace(query.before) };
      return { versions: await ledger.history(query.key, { limit, ...before }) };
    },
  });
  addRoute(app, {
    method: 'GET',
    url: '/api/v1/ledger/checkpoint',
    access: ANYBODY,
    summary: 'The newest checkpoint: keep it, and you notice a ledger that was cut back.',
    answer: object({ checkpoint: anything }),
    handle: async () => ({ checkpoint: await ledger.checkpoint() }),
  });
}

export function pageSize(given: string | undefined, usual: number, max: number): number {
  return given === undefined ? usual : Math.max(1, Math.min(max, Number(given)));
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new ServerError('not-found', `There is no such ${what}.`);
  return value;
}

function parsePlace(given: string): Place {
  const [number = 0, index = 0] = given.split('/').map(Number);
  return { block: number, index };
}
