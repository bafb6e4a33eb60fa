import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes, toBase64url } from '@salus/crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HeldMessages } from './held-messages.ts';
import { createMasterKey } from './master-key.ts';
import { rowsLog } from './rows-log.ts';
import { openStore, type Store } from './store/database.ts';

let directory: string;
let store: Store;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'salus-held-'));
  store = await openStore(join(directory, 'records.sqlite'));
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

it('lists every message over pages, those that came at one time too', async () => {
  const network = toBase64url(randomBytes(16));
  const masterKey = createMasterKey(randomBytes(32), { network, organisation: 'hospital-a' });
  let nowMs = 1_000;
  const held = new HeldMessages({ store, masterKey, rowsLog, clock: () => nowMs });
  const facts = { client: 'adt', type: 'ADT^A01', controlId: '1', pid: null, condition: '102', acknowledgement: 'AE' };
  for (const id of ['c', 'a', 'e', 'b', 'd', 'later']) {
    if (id === 'later') nowMs = 2_000;
    await held.hold(id, { ...facts, location: null, reason: 'for this test' }, Buffer.from(id));
  }
  const found: string[] = [];
  let page = await held.list({ limit: 2 });
  while (page.length > 0) {
    found.push(...page.map(({ id }) => id));
    page = await held.list({ limit: 2, before: page.at(-1)! });
  }
  expect(found).toEqual(['later', 'e', 'd', 'c', 'b', 'a']);
});
