import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { insertRows, openStore, type Store } from './database.ts';
import { type Prepared, prepareForTransactions, prepareQuery } from './prepared.ts';

let directory: string;
let store: Store;
let readValue: Prepared<{ readonly value: string }>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'salus-prepared-'));
  store = await openStore(join(directory, 'records.sqlite'));
  readValue = prepareQuery(store.read, store.read.selectFrom('meta').select('value').where('key', '=', ''));
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const put = (key: string, value: string) => store.write((trx) => insertRows(trx, 'meta', [{ key, value }]));

test('runs with other parameters each time, and refuses another number of them', async () => {
  await put('a', '1');
  await put('b', '2');
  expect(await readValue('a')).toMatchObject([{ value: '1' }]);
  expect(await readValue('b')).toMatchObject([{ value: '2' }]);
  expect(await readValue('c')).toEqual([]);
  await expect(readValue()).rejects.toThrow('takes 1 parameters');
});

test('shows nothing of a write that is under way or undone, and all of it once committed', async () => {
  const seen: unknown[] = [];
  await store.write(async (trx) => {
    await insertRows(trx, 'meta', [{ key: 'a', value: '1' }]);
    seen.push(await readValue('a'));
  });
  const undone = store.write(async (trx) => {
    await insertRows(trx, 'meta', [{ key: 'b', value: '2' }]);
    throw new Error('stopped');
  });
  await expect(undone).rejects.toThrow('stopped');
  expect(seen).toEqual([[]]);
  expect([await readValue('a'), await readValue('b')]).toMatchObject([[{ value: '1' }], []]);
});

test('reads and changes inside a transaction what the transaction has written', async () => {
  const find = prepareForTransactions((db) => db.selectFrom('meta').select('value').where('key', '=', ''));
  const change = prepareForTransactions((db) => db.updateTable('meta').set({ value: '' }).where('key', '=', ''));
  await store.write(async (trx) => {
    await insertRows(trx, 'meta', [{ key: 'a', value: '1' }]);
    expect(await find(trx, 'a')).toMatchObject([{ value: '1' }]);
    expect(await change(trx, '2', 'a')).toEqual([]);
    expect(await find(trx, 'a')).toMatchObject([{ value: '2' }]);
  });
  expect(await readValue('a')).toMatchObject([{ value: '2' }]);
});

test('keeps the refusal of a changed row to its own write', async () => {
  await put('a', '1');
  const outcomes = await Promise.allSettled([put('b', '2'), put('a', 'again'), put('c', '3')]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(await readValue('a')).toMatchObject([{ value: '1' }]);
  expect(await readValue('c')).toMatchObject([{ value: '3' }]);
});
