import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStore, type Store, type StoreTransaction } from './database.ts';
import { STORE_VERSION } from './tables.ts';
import { WRITE_QUEUE_MAX } from './write-queue.ts';

let directory: string;
let store: Store;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'salus-store-'));
  store = await openStore(join(directory, 'records.sqlite'));
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const put = (key: string, value = 'v') => store.write((trx) => trx.insertInto('meta').values({ key, value }).execute());
const keys = async () =>
  (await store.read.selectFrom('meta').select('key').orderBy('key').execute()).map(({ key }) => key);

test('undoes only the write that throws, of those that share a commit', async () => {
  const failing = store.write(async (trx) => {
    await trx.insertInto('meta').values({ key: 'b', value: 'v' }).execute();
    throw new Error('stopped');
  });
  const outcomes = await Promise.allSettled([put('a'), failing, put('c'), put('a')]);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  expect(await keys()).toEqual(['a', 'c']);
});

test('shows a write to readers once it has resolved, and never before', async () => {
  await store.write(async (trx) => {
    await trx.insertInto('meta').values({ key: 'a', value: 'v' }).execute();
    expect(await keys()).toEqual([]);
  });
  expect(await keys()).toEqual(['a']);
});

test('keeps early writes and others in order, each undone alone', async () => {
  const seen: string[] = [];
  const add = (key: string) => async (trx: StoreTransaction) => {
    await trx.insertInto('meta').values({ key, value: 'v' }).execute();
    seen.push(key);
  };
  const early = [store.append(add('a')), store.append(add('b'))];
  await Promise.all(early);
  const mixed = await Promise.allSettled([store.append(add('c')), store.write(add('d')), store.append(add('a'))]);
  expect(mixed.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
  await store.durable();
  expect(seen).toEqual(['a', 'b', 'c', 'd']);
  expect(await keys()).toEqual(['a', 'b', 'c', 'd']);
});

test('gives its reading connection no way to write', async () => {
  const writing = store.read.insertInto('meta').values({ key: 'a', value: 'v' }).execute();
  await expect(writing).rejects.toThrow(/readonly/);
});

test('runs in WAL with full sync, and zeros what is deleted', async () => {
  await put('a', 'needle-in-a-haystack');
  await store.write((trx) => trx.deleteFrom('meta').where('key', '=', 'a').execute());
  await store.forgetErased();
  expect(readFileSync(join(directory, 'records.sqlite')).includes('needle-in-a-haystack')).toBe(false);
  const other = new DatabaseSync(join(directory, 'records.sqlite'), { readOnly: true });
  expect(other.prepare('PRAGMA journal_mode').get()).toMatchObject({ journal_mode: 'wal' });
  other.close();
});

test('empties its log once another process has read, and serves meanwhile', async () => {
  await put('a');
  const other = new DatabaseSync(join(directory, 'records.sqlite'), { readOnly: true });
  other.exec('BEGIN');
  other.prepare('SELECT count(*) FROM meta').get();
  const order: string[] = [];
  const truncated = store.forgetErased().then(() => order.push('truncated'));
  await put('b');
  order.push('written');
  other.close();
  await truncated;
  expect(order).toEqual(['written', 'truncated']);
  expect(statSync(join(directory, 'records.sqlite-wal')).size).toBe(0);
});

test('refuses writes beyond its bound, and after it was closed', async () => {
  const writes = Array.from({ length: WRITE_QUEUE_MAX + 1 }, () => store.write(async () => 1));
  const outcomes = await Promise.allSettled(writes);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
  expect(outcomes.at(-1)).toMatchObject({ reason: { code: 'overloaded' } });
  await store[Symbol.asyncDispose]();
  await expect(put('late')).rejects.toMatchObject({ code: 'closed' });
});

test('does not open a file whose schema is newer than it knows', async () => {
  const file = join(directory, 'newer.sqlite');
  await (await openStore(file))[Symbol.asyncDispose]();
  const database = new DatabaseSync(file);
  database.exec(`pragma user_version = ${STORE_VERSION + 1}`);
  database.close();
  await expect(openStore(file)).rejects.toMatchObject({ code: 'corrupt' });
});
