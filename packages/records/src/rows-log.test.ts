import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rowEntryHash, rowHash } from './row-entry.ts';
import { rowKeyOf, rowsLog } from './rows-log.ts';
import { openStore, type Store } from './store/index.ts';
import { readLogHead } from './tree-log.ts';

let directory: string;
let store: Store;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'salus-rows-'));
  store = await openStore(join(directory, 'records.sqlite'));
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const entries = () => store.read.selectFrom('rowEntry').selectAll().orderBy('seq').execute();

test('logs the hash of all columns of a row, and null when the row is gone', async () => {
  const row = { name: 'x', count: 2, sealed: Uint8Array.of(1, 2, 3), until: null };
  await store.write((trx) => rowsLog.cover(trx, 'example', 'k', row));
  await store.write((trx) => rowsLog.cover(trx, 'example', 'k', null));
  const [first, second] = await entries();
  expect(first).toMatchObject({ seq: 0, kind: 'example', rowKey: 'k', rowHash: rowHash('example', row) });
  expect(second).toMatchObject({ seq: 1, rowHash: null, hash: rowEntryHash(1, 'example', 'k', null) });
});

test('hashes a row differently when any column, its type or its table differs', () => {
  const row = { name: 'x', count: 2, sealed: Uint8Array.of(1, 2, 3), until: null };
  const variants = [
    { ...row, name: 'y' },
    { ...row, count: 3 },
    { ...row, count: '2' },
    { ...row, sealed: Uint8Array.of(1, 2) },
    { ...row, until: 0 },
    { ...row, more: null },
  ];
  const hashes = new Set([
    rowHash('example', row),
    rowHash('other', row),
    ...variants.map((v) => rowHash('example', v)),
  ]);
  expect(hashes.size).toBe(8);
});

test('takes its entries back with the transaction that is undone, and numbers on without a gap', async () => {
  await store.write((trx) => rowsLog.cover(trx, 'example', 'a', { n: 1 }));
  const failing = store.write(async (trx) => {
    await rowsLog.coverAll(
      trx,
      Array.from({ length: 300 }, (_, at) => ({ kind: 'example', rowKey: `f${at}`, row: { at } })),
    );
    throw new Error('undone');
  });
  const kept = store.write((trx) => rowsLog.cover(trx, 'example', 'b', { n: 2 }));
  await expect(failing).rejects.toThrow('undone');
  await kept;
  expect((await entries()).map((entry) => [entry.seq, entry.rowKey])).toEqual([
    [0, 'a'],
    [1, 'b'],
  ]);
  expect(await store.read.selectFrom('logNode').selectAll().execute()).toEqual([]);
  expect((await readLogHead(store.read, 'rows')).size).toBe(2);
});

test('names a row by its primary key, and several columns without ambiguity', () => {
  expect(rowKeyOf(['abc'])).toBe('abc');
  expect(rowKeyOf([7])).toBe('7');
  expect(rowKeyOf(['a', 'b,c'])).not.toBe(rowKeyOf(['a,b', 'c']));
});
