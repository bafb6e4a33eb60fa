import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PostgresServer } from '@salus/testing';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { testDatabase, usePostgres } from '../../test/test-store.ts';
import type { Store } from './database.ts';
import { openPostgresStore } from './postgres/open-postgres.ts';
import type { PostgresPlace } from './postgres/postgres-place.ts';
import { openStoreOf, removeStoreOf } from './store-place.ts';

const TIMEOUT_MS = 120_000;

let server: PostgresServer;
let directory: string;
let place: PostgresPlace;
const open: Store[] = [];

beforeAll(async () => {
  server = await usePostgres();
}, TIMEOUT_MS);
afterAll(() => server[Symbol.asyncDispose](), TIMEOUT_MS);
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'salus-store-place-'));
  const database = await testDatabase();
  if (database === undefined) throw new Error('there is a server');
  place = database('hospital-a');
});
afterEach(async () => {
  for (const store of open.splice(0)) await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function openHere(postgres: PostgresPlace | undefined, at = directory): Promise<Store> {
  const store = await openStoreOf(at, postgres);
  open.push(store);
  return store;
}

async function close(store: Store): Promise<void> {
  open.splice(open.indexOf(store), 1);
  await store[Symbol.asyncDispose]();
}

const put = (store: Store, key: string, value = 'v') =>
  store.write((trx) => trx.insertInto('meta').values({ key, value }).execute());
const keysOf = async (store: Store) =>
  (await store.read.selectFrom('meta').select('key').orderBy('key').execute()).map(({ key }) => key);

test(
  'undoes only the write that throws, of those that share a commit',
  async () => {
    const store = await openHere(place);
    const failing = store.write(async (trx) => {
      await trx.insertInto('meta').values({ key: 'b', value: 'v' }).execute();
      throw new Error('stopped');
    });
    const outcomes = await Promise.allSettled([put(store, 'a'), failing, put(store, 'c'), put(store, 'a')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
    expect(outcomes[1]).toMatchObject({ reason: { message: 'stopped' } });
    expect(await keysOf(store)).toEqual(['a', 'c']);
  },
  TIMEOUT_MS,
);

test(
  'commits nothing of a write that hides the failure of one of its statements',
  async () => {
    const store = await openHere(place);
    await put(store, 'a');
    const hiding = store.write(async (trx) => {
      await trx.insertInto('meta').values({ key: 'b', value: 'v' }).execute();
      await trx
        .insertInto('meta')
        .values({ key: 'a', value: 'v' })
        .execute()
        .catch(() => undefined);
    });
    await expect(hiding).rejects.toThrow('a statement had failed');
    expect(await keysOf(store)).toEqual(['a']);
  },
  TIMEOUT_MS,
);

test(
  'shows a write to readers once it has resolved, and never before; readers cannot write',
  async () => {
    const store = await openHere(place);
    await store.write(async (trx) => {
      await trx.insertInto('meta').values({ key: 'a', value: 'v' }).execute();
      expect(await keysOf(store)).toEqual([]);
    });
    expect(await keysOf(store)).toEqual(['a']);
    const writing = store.read.insertInto('meta').values({ key: 'b', value: 'v' }).execute();
    await expect(writing).rejects.toThrow(/read-only/);
  },
  TIMEOUT_MS,
);

test(
  'sorts text by bytes, and keeps numbers and bytes as they are',
  async () => {
    const store = await openHere(place);
    for (const key of ['a', 'B', 'é', 'Z', '_']) await put(store, key);
    expect(await keysOf(store)).toEqual(['B', 'Z', '_', 'a', 'é']);
    const [sealed, atMs] = [Buffer.from([0, 1, 255]), Number.MAX_SAFE_INTEGER];
    const row = { sessionToken: 't', untilMs: atMs, sealed };
    await store.write((trx) => trx.insertInto('session').values(row).execute());
    const found = await store.read.selectFrom('session').selectAll().executeTakeFirstOrThrow();
    expect(found.untilMs).toBe(atMs);
    expect(Buffer.from(found.sealed).equals(sealed)).toBe(true);
  },
  TIMEOUT_MS,
);

test(
  'lets a second process in only when the first is gone',
  async () => {
    const store = await openHere(place);
    const again = { storeId: 'other', make: false, fillFrom: undefined, lockWaitMs: 300 };
    await expect(openPostgresStore(place, again)).rejects.toMatchObject({ code: 'store-refused' });
    await put(store, 'a');
    await close(store);
    expect(await keysOf(await openHere(place))).toEqual(['a']);
  },
  TIMEOUT_MS,
);

test(
  'writes no more once another process has taken its place',
  async () => {
    const store = await openHere(place);
    await put(store, 'a');
    const client = new pg.Client(server.url.replace(/postgres$/, place.database));
    await client.connect();
    // As when the network fails for so long that the server forgets the writer, and another one starts.
    await client.query(`update "${place.schema}"."storeWriter" set "writer" = 'another'`);
    await client.query(
      `select pg_terminate_backend("pid") from "pg_stat_activity" where "application_name" like 'salus writer %' and "datname" = $1`,
      [place.database],
    );
    await client.end();
    const write = (): Promise<string> =>
      put(store, 'b').then(
        () => 'written',
        ({ code }: { readonly code: string }) => code,
      );
    // Until it has looked who writes, it only knows that its connection is gone.
    await expect.poll(write).toBe('store-refused');
    await expect(put(store, 'c')).rejects.toMatchObject({ code: 'store-refused' });
    expect(await keysOf(store)).toEqual(['a']);
  },
  TIMEOUT_MS,
);

test(
  'moves what the directory has into the database once, and keeps no file',
  async () => {
    const before = await openHere(undefined);
    for (const key of ['a', 'b']) await put(before, key, 'moved');
    await close(before);
    const store = await openHere(place);
    expect(await keysOf(store)).toEqual(['a', 'b']);
    expect(existsSync(join(directory, 'records.sqlite'))).toBe(false);
    await put(store, 'c');
    await close(store);
    expect(await keysOf(await openHere(place))).toEqual(['a', 'b', 'c']);
  },
  TIMEOUT_MS,
);

test(
  'opens no empty store in the place of one that is elsewhere',
  async () => {
    await close(await openHere(place));
    await expect(openHere(undefined)).rejects.toMatchObject({ code: 'store-refused' });
    const empty = { ...place, schema: 'salus_empty' };
    await expect(openHere(empty)).rejects.toMatchObject({ code: 'store-refused' });
    const other = await mkdtemp(join(tmpdir(), 'salus-store-other-'));
    await expect(openHere(place, other)).rejects.toMatchObject({ code: 'store-refused' });
    await expect(removeStoreOf(other, place)).rejects.toMatchObject({ code: 'store-refused' });
    await rm(other, { recursive: true });
    expect(await keysOf(await openHere(place))).toEqual([]);
  },
  TIMEOUT_MS,
);
