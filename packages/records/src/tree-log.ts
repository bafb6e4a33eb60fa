import { fromBase64url, MerkleLog, merkleRoot, nodeHash, toBase64url } from '@salus/crypto';
import { sql } from 'kysely';
import { treeLeaf } from './record-tree.ts';
import { RecordsError } from './records-error.ts';
import { insertRows, type StoreTransaction } from './store/index.ts';
import { prepareForTransactions } from './store/prepared.ts';
import type { Tables } from './store/schema.ts';

/** The logs of an organisation, by the name under which the ledger holds their roots: `access/root/<org>/<log>`. */
export type LogName = 'audit' | 'rows';
export const LOG_NAMES: readonly LogName[] = ['audit', 'rows'];

/** Nodes of lower levels are computed from at most 2^8 leaves instead of being stored: 1/128 row a leaf instead of two. */
export const STORED_LEVEL_MIN = 8;
const TILE = 2 ** STORED_LEVEL_MIN;

/** The table whose `seq` and `hash` columns are the log's leaves. */
const LEAF_TABLES = { audit: 'auditEvent', rows: 'rowEntry' } as const satisfies Record<LogName, keyof Tables>;

export interface LogHead {
  readonly size: number;
  /** `hash` of the last leaf; null in an empty log. */
  readonly lastHash: string | null;
}

const lastLeaf = {
  audit: prepareForTransactions((db) => lastLeafQuery(db, 'audit')),
  rows: prepareForTransactions((db) => lastLeafQuery(db, 'rows')),
} as const satisfies Record<LogName, unknown>;

function lastLeafQuery(db: StoreTransaction, log: LogName) {
  return db.selectFrom(LEAF_TABLES[log]).select(['seq', 'hash']).orderBy('seq', 'desc').limit(sql.lit(1));
}

const leafHashes = {
  audit: prepareForTransactions((db) => leafHashQuery(db, 'audit')),
  rows: prepareForTransactions((db) => leafHashQuery(db, 'rows')),
} as const satisfies Record<LogName, unknown>;

function leafHashQuery(db: StoreTransaction, log: LogName) {
  return db.selectFrom(LEAF_TABLES[log]).select('hash').where('seq', '>=', 0).where('seq', '<', 0).orderBy('seq');
}

const storedNode = prepareForTransactions((db) =>
  db.selectFrom('logNode').select('hash').where('log', '=', '').where('level', '=', 0).where('position', '=', 0),
);

/** Size and last leaf of a log as this transaction sees it. */
export async function readLogHead(trx: StoreTransaction, log: LogName): Promise<LogHead> {
  const [last] = await lastLeaf[log](trx);
  return last === undefined ? { size: 0, lastHash: null } : { size: last.seq + 1, lastHash: last.hash };
}

/**
 * Stores the perfect subtrees that growing from `sizeBefore` by the leaves `added` completed. Called in the transaction that
 * inserted the leaves. Keeps no state, so that a transaction which is undone leaves nothing behind.
 */
export async function storeCompletedNodes(
  trx: StoreTransaction,
  log: LogName,
  sizeBefore: number,
  added: readonly string[],
): Promise<void> {
  const firstTile = Math.floor(sizeBefore / TILE);
  const endTile = Math.floor((sizeBefore + added.length) / TILE);
  for (let tile = firstTile; tile < endTile; tile += 1) {
    const start = tile * TILE;
    const earlier = start < sizeBefore ? await readLeafHashes(trx, log, start, sizeBefore) : [];
    const fresh = added.slice(Math.max(0, start - sizeBefore), start + TILE - sizeBefore);
    let hash: Uint8Array = merkleRoot([...earlier, ...fresh.map(treeLeaf)]);
    let level = STORED_LEVEL_MIN;
    let position = tile;
    await insertRows(trx, 'logNode', [{ log, level, position, hash: toBase64url(hash) }]);
    while (position % 2 === 1) {
      const left = await readStoredNode(trx, log, level, position - 1);
      hash = nodeHash(left, hash);
      level += 1;
      position = (position - 1) / 2;
      await insertRows(trx, 'logNode', [{ log, level, position, hash: toBase64url(hash) }]);
    }
  }
}

/** The root of the first `size` leaves. */
export function readLogRoot(trx: StoreTransaction, log: LogName, size: number): Promise<string> {
  return withNodes(trx, log, size, async (tree) => toBase64url(tree.rootAt(size)));
}

/** PATH(index) in the tree of the first `size` leaves (RFC 6962 §2.1.1), base64url. */
export function readInclusionProof(
  trx: StoreTransaction,
  log: LogName,
  index: number,
  size: number,
): Promise<readonly string[]> {
  return withNodes(trx, log, size, async (tree) => tree.inclusionProof(index, size).map(toBase64url));
}

/** The root of the first `size` leaves, and PROOF(`from`, `size`) (RFC 6962 §2.1.2), base64url; none from an empty log. */
export function readLogGrowth(
  trx: StoreTransaction,
  log: LogName,
  from: number,
  size: number,
): Promise<{ readonly root: string; readonly proof: readonly string[] }> {
  return withNodes(trx, log, size, async (tree) => ({
    root: toBase64url(tree.rootAt(size)),
    proof: from === 0 ? [] : tree.consistencyProof(from, size).map(toBase64url),
  }));
}

/**
 * Runs a computation twice: which nodes it reads depends on sizes only, so the first run (over zeros) tells what to
 * fetch and the second computes.
 */
async function withNodes<T>(
  trx: StoreTransaction,
  log: LogName,
  size: number,
  compute: (tree: MerkleLog) => Promise<T>,
): Promise<T> {
  const wanted = new Map<string, { readonly level: number; readonly index: number }>();
  const zero = new Uint8Array(32);
  await compute(
    treeOf(size, (level, index) => {
      wanted.set(`${level}/${index}`, { level, index });
      return zero;
    }),
  );
  const nodes = new Map<string, Uint8Array>();
  for (const [name, { level, index }] of wanted) nodes.set(name, await readNode(trx, log, level, index));
  return compute(
    treeOf(size, (level, index) => {
      const node = nodes.get(`${level}/${index}`);
      if (node === undefined) throw new Error('broken invariant: a tree reads the same nodes twice');
      return node;
    }),
  );
}

function treeOf(size: number, nodeAt: (level: number, index: number) => Uint8Array): MerkleLog {
  const frontier: Uint8Array[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) if (rest % 2 === 1) frontier.push(new Uint8Array(32));
  return new MerkleLog({ size, frontier, nodeAt });
}

async function readNode(trx: StoreTransaction, log: LogName, level: number, index: number): Promise<Uint8Array> {
  if (level >= STORED_LEVEL_MIN) return readStoredNode(trx, log, level, index);
  return merkleRoot(await readLeafHashes(trx, log, index * 2 ** level, (index + 1) * 2 ** level));
}

async function readStoredNode(
  trx: StoreTransaction,
  log: LogName,
  level: number,
  position: number,
): Promise<Uint8Array> {
  const [row] = await storedNode(trx, log, level, position);
  if (row === undefined) throw new RecordsError('corrupt', `the ${log} log lacks a node at level ${level}`);
  return fromBase64url(row.hash);
}

async function readLeafHashes(
  trx: StoreTransaction,
  log: LogName,
  start: number,
  end: number,
): Promise<readonly Uint8Array[]> {
  const rows = await leafHashes[log](trx, start, end);
  if (rows.length !== end - start) throw new RecordsError('corrupt', `the ${log} log lacks entries before ${end}`);
  return rows.map((row) => treeLeaf(row.hash));
}
