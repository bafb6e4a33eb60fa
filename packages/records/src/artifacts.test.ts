import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes, toBase64url } from '@salus/crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ARTIFACT_BYTES_MAX, Artifacts } from './artifacts.ts';
import { createMasterKey, type MasterKey } from './master-key.ts';
import { openStore, type Store } from './store/database.ts';

const SECRET = 'a-token-that-opens-everything';
let directory: string;
let store: Store;
let masterKey: MasterKey;
let nowMs: number;
let artifacts: Artifacts;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'salus-artifacts-'));
  store = await openStore(join(directory, 'records.sqlite'));
  const place = { network: toBase64url(randomBytes(16)), organisation: 'hospital-a' };
  masterKey = createMasterKey(randomBytes(32), place);
  nowMs = 1_000_000;
  artifacts = new Artifacts({ store, masterKey, clock: () => nowMs });
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

it('finds by name and by alias, replaces, and takes a whole group out', async () => {
  await artifacts.put('code', 'one', { value: { first: true }, expiresMs: nowMs + 10, group: 'g', alias: 'uid' });
  await artifacts.put('token', 'two', { value: 2, expiresMs: nowMs + 10, group: 'g' });
  await artifacts.put('token', 'three', { value: 3, expiresMs: nowMs + 10, group: 'other' });
  expect(await artifacts.findByAlias('code', 'uid')).toEqual({ first: true });
  expect(await artifacts.findByAlias('token', 'uid')).toBeUndefined();
  await artifacts.put('token', 'two', { value: 22, expiresMs: nowMs + 10, group: 'g' });
  expect(await artifacts.find('token', 'two')).toBe(22);
  await artifacts.removeGroup('g');
  expect(await artifacts.find('code', 'one')).toBeUndefined();
  expect(await artifacts.find('token', 'two')).toBeUndefined();
  expect(await artifacts.find('token', 'three')).toBe(3);
  await artifacts.remove('token', 'three');
  expect(await artifacts.find('token', 'three')).toBeUndefined();
});

it('forgets what has expired', async () => {
  await artifacts.put('token', 'one', { value: 1, expiresMs: nowMs + 10 });
  nowMs += 10;
  expect(await artifacts.find('token', 'one')).toBeUndefined();
  expect(await artifacts.change('token', 'one', () => 2)).toBeUndefined();
});

it('lets one of two who come at once change it', async () => {
  await artifacts.put('code', 'one', { value: { used: false }, expiresMs: nowMs + 10 });
  const use = async (): Promise<boolean> => {
    const before = await artifacts.change('code', 'one', (value) =>
      (value as { used: boolean }).used ? undefined : { used: true },
    );
    return (before as { used: boolean }).used === false;
  };
  const won = await Promise.all([use(), use(), use()]);
  expect(won.filter(Boolean)).toHaveLength(1);
});

it('adds once under a name, of however many who come at once, and again when that has expired', async () => {
  const add = (value: number) => artifacts.add('assertion', 'one', { value, expiresMs: nowMs + 10 });
  const won = await Promise.all([add(0), add(1), add(2), add(3), add(4), add(5)]);
  expect(won).toEqual([true, false, false, false, false, false]);
  expect(await artifacts.find('assertion', 'one')).toBe(0);
  expect(await add(6)).toBe(false);
  nowMs += 10;
  expect(await add(7)).toBe(true);
  expect(await artifacts.find('assertion', 'one')).toBe(7);
});

it('outlives the process, and holds neither names nor contents in the clear', async () => {
  await artifacts.put('token', SECRET, { value: { secret: SECRET }, expiresMs: nowMs + 10, group: SECRET });
  await store[Symbol.asyncDispose]();
  const bytes = readdirSync(directory).map((name) => readFileSync(join(directory, name)));
  expect(bytes.length).toBeGreaterThan(0);
  expect(bytes.some((content) => content.includes(SECRET))).toBe(false);
  store = await openStore(join(directory, 'records.sqlite'));
  const later = new Artifacts({ store, masterKey, clock: () => nowMs });
  expect(await later.find('token', SECRET)).toEqual({ secret: SECRET });
});

it('refuses what is too large, and more than its bound until some have expired', async () => {
  const large = { value: 'x'.repeat(ARTIFACT_BYTES_MAX), expiresMs: nowMs + 10 };
  await expect(artifacts.put('token', 'large', large)).rejects.toMatchObject({ code: 'too-large' });
  const few = new Artifacts({ store, masterKey, clock: () => nowMs }, { max: 2 });
  await few.put('token', 'one', { value: 1, expiresMs: nowMs + 10 });
  await few.put('token', 'two', { value: 2, expiresMs: nowMs + 20 });
  await expect(few.put('token', 'three', { value: 3, expiresMs: nowMs + 20 })).rejects.toMatchObject({
    code: 'overloaded',
  });
  nowMs += 10;
  await few.put('token', 'three', { value: 3, expiresMs: nowMs + 20 });
  expect(await few.find('token', 'three')).toBe(3);
});

it('refuses more log-ins under way than their own bound, and keeps the room of those who have logged in', async () => {
  const few = new Artifacts({ store, masterKey, clock: () => nowMs }, { max: 4, openMax: 2 });
  const begin = (name: string) => few.put('log-in', name, { value: name, expiresMs: nowMs + 10, isOpen: true });
  await begin('one');
  await begin('two');
  await expect(begin('three')).rejects.toMatchObject({ code: 'overloaded' });
  await few.put('token', 'one', { value: 1, expiresMs: nowMs + 100 });
  await few.put('token', 'two', { value: 2, expiresMs: nowMs + 100 });
  expect(await few.find('token', 'two')).toBe(2);
  expect(await few.find('log-in', 'two')).toBe('two');
  nowMs += 10;
  await begin('three');
  expect(await few.find('log-in', 'three')).toBe('three');
});
