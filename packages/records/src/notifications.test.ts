import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes, toBase64url } from '@salus/crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createMasterKey } from './master-key.ts';
import { Notifications } from './notifications.ts';
import { openStore, type Store } from './store/database.ts';

const START = { seq: 1, events: 0 };
let directory: string;
let store: Store;
let notifications: Notifications;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'salus-notifications-'));
  store = await openStore(join(directory, 'records.sqlite'));
  const place = { network: toBase64url(randomBytes(16)), organisation: 'hospital-a' };
  notifications = new Notifications({ store, masterKey: createMasterKey(randomBytes(32), place) });
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

it('remembers which versions of others a subscriber has heard of, beside its place in the feed, until it is over', async () => {
  expect(await notifications.seen('one')).toBeUndefined();
  await notifications.advance('one', START, [], new Map());
  expect(await notifications.seen('one')).toEqual(new Map());
  const elsewhere = { author: 'a', type: 'Observation', id: 'local', patient: 'p1' };
  const told = { eventNumber: 1, atMs: 5, kind: 'create', recordId: 'r1', version: 1, elsewhere } as const;
  await notifications.advance('one', { seq: 1, events: 1 }, [told], new Map([['r1', 1]]));
  await notifications.advance('one', { seq: 9, events: 1 }, []);
  await notifications.advance(
    'one',
    { seq: 9, events: 1 },
    [],
    new Map([
      ['r1', 2],
      ['r2', 1],
    ]),
  );
  expect(await notifications.seen('one')).toEqual(
    new Map([
      ['r1', 2],
      ['r2', 1],
    ]),
  );
  expect(await notifications.position('one')).toEqual({ seq: 9, events: 1 });
  expect(await notifications.list('one', 9)).toMatchObject([told]);
  expect(await notifications.seen('two')).toBeUndefined();
  await notifications.removeAll('one');
  expect(await notifications.seen('one')).toBeUndefined();
  expect(await notifications.position('one')).toBeUndefined();
});

it('forgets what could not be told, and nothing of a subscription that never looked', async () => {
  await notifications.advance(
    'one',
    START,
    [],
    new Map([
      ['r1', 1],
      ['r2', 1],
    ]),
  );
  await notifications.forget('one', ['r1', 'r3']);
  expect(await notifications.seen('one')).toEqual(new Map([['r2', 1]]));
  await notifications.forget('two', ['r1']);
  expect(await notifications.seen('two')).toBeUndefined();
});

it('no author makes it forget what it has heard of another’s', async () => {
  await notifications.advance('one', START, [], new Map([['c r1', 1]]));
  const many = new Map(Array.from({ length: 25_000 }, (_, at) => [`a r${at}`, 1] as const));
  await notifications.advance('one', START, [], many);
  const seen = await notifications.seen('one');
  expect(seen?.get('c r1')).toBe(1);
  expect(seen?.get('a r24999')).toBe(1);
  expect(seen?.size).toBeLessThanOrEqual(20_000);
});
