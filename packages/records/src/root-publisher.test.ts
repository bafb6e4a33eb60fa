import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { SignedCall } from '@salus/contracts';
import {
  generateSigningKey,
  type Json,
  newNonce,
  randomBytes,
  signerFromPkcs8,
  verifyConsistency,
} from '@salus/crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AuditJournal } from './audit.ts';
import { createMasterKey } from './master-key.ts';
import { COVER_ENTRIES, ROOT_INTERVAL_MS, type RootLedger, RootPublisher } from './root-publisher.ts';
import { rowsLog } from './rows-log.ts';
import { openStore, type Store } from './store/index.ts';
import type { AuditEvent } from './vault-types.ts';

const network = newNonce();
const organisation = 'hospital-a';

let directory: string;
let store: Store;
let journal: AuditJournal;
let state: Map<string, { readonly size: number; readonly root: string }>;
let calls: SignedCall[];
let failures: unknown[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'salus-roots-'));
  store = await openStore(join(directory, 'records.sqlite'));
  journal = new AuditJournal(store, createMasterKey(randomBytes(32), { network, organisation }));
  state = new Map();
  calls = [];
  failures = [];
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const event: AuditEvent = {
  ...{ kind: 'login', atMs: 1, pid: null, who: null, purpose: null, grant: null, session: null },
  ...{ records: [], outcome: 'ok', request: null },
};

type RootArgs = {
  readonly log: string;
  readonly size: number;
  readonly root: string;
  readonly proof: readonly string[];
};

/** What the access contract does with a root. */
function takeRoot(
  call: SignedCall,
): { readonly kind: 'committed' } | { readonly kind: 'refused'; readonly code: string } {
  const { log, size, root, proof } = call.payload.args as unknown as RootArgs;
  const key = `access/root/${organisation}/${log}`;
  const last = state.get(key);
  const consistent =
    last === undefined
      ? proof.length === 0
      : verifyConsistency({ size1: last.size, root1: last.root, size2: size, root2: root, proof });
  if (!consistent) return { kind: 'refused', code: 'proof-invalid' };
  state.set(key, { size, root });
  calls.push(call);
  return { kind: 'committed' };
}

async function createPublisher(
  intervalMs = 60_000,
  submit: RootLedger['submit'] = async (call) => takeRoot(call),
): Promise<RootPublisher> {
  const signer = signerFromPkcs8((await generateSigningKey()).privateKey);
  return new RootPublisher({
    ...{
      store,
      audit: journal,
      network,
      organisation,
      intervalMs,
      node: { id: newNonce(), signer },
      clock: () => 1_000,
    },
    ledger: { get: async (key) => state.get(key) as Json | undefined, submit },
    onFailure: (error) => failures.push(error),
  });
}

test('roots what grew since, each root proven consistent with the one before', async () => {
  await using publisher = await createPublisher();
  for (const count of [1, 2, 300, 1]) {
    await Promise.all(Array.from({ length: count }, () => journal.append(event)));
    await publisher.publish();
  }
  await publisher.publish();
  expect(calls.map((call) => (call.payload.args as unknown as RootArgs).size)).toEqual([1, 3, 303, 304]);
  await store.write((trx) => rowsLog.cover(trx, 'example', 'k', { n: 1 }));
  await publisher.publish();
  expect(state.get(`access/root/${organisation}/rows`)?.size).toBe(1);
});

test('roots an event without being told, at the next interval, which leaves room for a block within the second', async () => {
  expect(ROOT_INTERVAL_MS).toBeLessThan(500);
  await using _publisher = await createPublisher(ROOT_INTERVAL_MS);
  await journal.append(event);
  await expect
    .poll(() => state.get(`access/root/${organisation}/audit`)?.size, { interval: 20, timeout: 60_000 })
    .toBe(1);
});

describe('what is quiet', () => {
  const sizes = (log: string): readonly number[] =>
    calls
      .map((call) => call.payload.args as unknown as RootArgs)
      .filter((args) => args.log === log)
      .map(({ size }) => size);
  const tokenRow = { kind: 'grantToken', rowKey: 'k', row: { grantToken: 'k' } };
  const isQuiet = true;

  test('waits until every member answers, and is then rooted by as many entries as anybody’s', async () => {
    await journal.append(event);
    await using publisher = await createPublisher(20);
    await expect.poll(() => sizes('audit'), { timeout: 60_000 }).toEqual([1]);
    for (let at = 0; at < 3; at += 1) await journal.append({ ...event, kind: 'read' }, { isQuiet });
    await store.write((trx) => rowsLog.coverAll(trx, [tokenRow]));
    // Ten intervals.
    await setTimeout(200);
    expect([sizes('audit'), sizes('rows')]).toEqual([[1], []]);
    await publisher.cover();
    expect([sizes('audit'), sizes('rows')]).toEqual([[1, 1 + COVER_ENTRIES.audit], [COVER_ENTRIES.rows]]);
    await publisher.cover();
    expect(sizes('audit').at(-1)).toBe(1 + 2 * COVER_ENTRIES.audit);
    expect(sizes('rows').at(-1)).toBe(2 * COVER_ENTRIES.rows);
  });

  test('never makes an answer larger: what is left waits for the next one', async () => {
    await using publisher = await createPublisher();
    await publisher.publish();
    const events = Array.from({ length: COVER_ENTRIES.audit + 3 }, () => journal.append(event, { isQuiet }));
    await Promise.all(events);
    await publisher.cover();
    await publisher.cover();
    expect(sizes('audit')).toEqual([COVER_ENTRIES.audit, 2 * COVER_ENTRIES.audit]);
  });

  test('goes along with what is not, and is rooted when the node ends', async () => {
    const publisher = await createPublisher();
    await publisher.publish();
    await journal.append(event, { isQuiet });
    await journal.append(event);
    await journal.append(event, { isQuiet });
    await publisher.cover();
    await journal.append(event);
    await publisher.cover();
    await journal.append(event, { isQuiet });
    await publisher[Symbol.asyncDispose]();
    expect(sizes('audit').at(-1)).toBe((await journal.list({ limit: 1 }))[0]!.seq + 1);
  });

  test('is shown to the organisation without the entries that hide it', async () => {
    await using publisher = await createPublisher();
    await journal.append({ ...event, kind: 'read' }, { isQuiet });
    for (let at = 0; at < 3; at += 1) await publisher.cover();
    await journal.append(event);
    const lines = await journal.list({ limit: 2 });
    expect(lines.map((line) => line.event.kind)).toEqual(['login', 'read']);
    expect((await journal.list({ limit: 1 })).map(({ seq }) => seq)).toEqual([lines[0]!.seq]);
    expect(await journal.list({ limit: 5, before: lines[1]!.seq })).toEqual([]);
  });
});

test('roots what is left when it closes', async () => {
  const publisher = await createPublisher();
  await journal.append(event);
  await publisher[Symbol.asyncDispose]();
  expect(state.get(`access/root/${organisation}/audit`)?.size).toBe(1);
});

test('refuses to root a log that is shorter than the ledger says: the store is an older one', async () => {
  const publisher = await createPublisher();
  await journal.append(event);
  state.set(`access/root/${organisation}/audit`, { size: 5, root: 'x' });
  await expect(publisher.publish()).rejects.toMatchObject({ code: 'rollback-unnamed' });
  state.clear();
  await publisher[Symbol.asyncDispose]();
});

test('tells of a refusal and tries again at the next interval', async () => {
  const publisher = await createPublisher();
  await journal.append(event);
  state.set(`access/root/${organisation}/audit`, { size: 1, root: 'x'.repeat(43) });
  await journal.append(event);
  await expect(publisher.publish()).rejects.toMatchObject({ code: 'ledger-refused', detail: 'proof-invalid' });
  state.clear();
  await publisher.publish();
  expect(state.get(`access/root/${organisation}/audit`)?.size).toBe(2);
  await publisher[Symbol.asyncDispose]();
  expect(failures).toEqual([]);
});

test('leaves what a ledger that moves no longer takes to the node that goes on with the store', async () => {
  let moved = true;
  const publisher = await createPublisher(60_000, async (call) =>
    moved ? { kind: 'refused', code: 'ledger-moved' } : takeRoot(call),
  );
  await journal.append(event);
  await publisher.publish();
  expect(calls).toEqual([]);
  moved = false;
  await publisher[Symbol.asyncDispose]();
  expect(state.get(`access/root/${organisation}/audit`)?.size).toBe(1);
  expect(failures).toEqual([]);
});

test('signs a root anew that came too late because the clock went on, and gives up where none is ever in time', async () => {
  const nonces: string[] = [];
  let late = 2;
  const publisher = await createPublisher(60_000, async (call) => {
    nonces.push(call.payload.nonce);
    late -= 1;
    return late >= 0 ? { kind: 'refused', code: 'not-after-passed' } : takeRoot(call);
  });
  await journal.append(event);
  await publisher.publish();
  expect(new Set(nonces).size).toBe(3);
  expect(state.get(`access/root/${organisation}/audit`)?.size).toBe(1);
  await journal.append(event);
  late = Number.POSITIVE_INFINITY;
  await expect(publisher.publish()).rejects.toMatchObject({ code: 'ledger-refused', detail: 'not-after-passed' });
  late = 0;
  await publisher[Symbol.asyncDispose]();
  expect(failures).toEqual([]);
});
