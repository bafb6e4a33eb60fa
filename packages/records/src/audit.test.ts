import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { leafHash, newNonce, randomBytes, verifyConsistency, verifyInclusion } from '@salus/crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { AuditJournal } from './audit.ts';
import { auditContentHash, auditEntryHash } from './audit-entry.ts';
import { createMasterKey } from './master-key.ts';
import { treeLeaf } from './record-tree.ts';
import { openStore, type Store } from './store/index.ts';
import { readLogGrowth, readLogRoot } from './tree-log.ts';
import type { AuditEvent } from './vault-types.ts';

const network = newNonce();
const masterKey = createMasterKey(randomBytes(32), { network, organisation: 'hospital-a' });
const pid = newNonce();
const otherPid = newNonce();

let directory: string;
let store: Store;
let journal: AuditJournal;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'salus-audit-'));
  store = await openStore(join(directory, 'records.sqlite'));
  journal = new AuditJournal(store, masterKey);
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function event(overrides: Partial<AuditEvent> = {}): AuditEvent {
  return {
    kind: 'read',
    atMs: 1_700_000_000_000,
    pid,
    who: { kind: 'member', id: newNonce(), organisation: 'hospital-b', roles: ['clinician'] },
    purpose: 'TREAT',
    grant: newNonce(),
    session: null,
    records: [{ recordId: newNonce(), version: 1 }],
    outcome: 'ok',
    request: null,
    ...overrides,
  };
}

test('gives concurrent events consecutive numbers and each patient an own counter without gaps', async () => {
  const appended = await Promise.all(
    Array.from({ length: 300 }, (_, at) => journal.append(event({ pid: at % 3 === 0 ? otherPid : pid }))),
  );
  expect(appended.map(({ seq }) => seq)).toEqual(Array.from({ length: 300 }, (_, at) => at));
  const seen: number[] = [];
  for (let before: number | undefined; ; ) {
    const page = await journal.listOfPid(pid, { limit: 90, ...(before === undefined ? {} : { before }) });
    if (page.length === 0) break;
    seen.push(...page.map((line) => line.pidSeq ?? -1));
    before = seen.at(-1);
  }
  expect(seen).toEqual(Array.from({ length: 200 }, (_, at) => 200 - at));
});

test('chains every row to the one before and shows the patient the logged text', async () => {
  for (let at = 0; at < 3; at += 1) await journal.append(event({ purpose: `P${at}` }));
  const rows = await store.read.selectFrom('auditEvent').selectAll().orderBy('seq').execute();
  const lines = (await journal.listOfPid(pid, { limit: 10 })).toReversed();
  expect(lines.map((line) => line.event.purpose)).toEqual(['P0', 'P1', 'P2']);
  for (const [at, line] of lines.entries()) {
    const contentHash = auditContentHash(line.text);
    expect(auditEntryHash({ ...line, contentHash })).toBe(rows[at]?.hash);
    expect(line.previous).toBe(at === 0 ? null : rows[at - 1]?.hash);
  }
});

test('proves a line against a root of any size that the log had', async () => {
  for (let at = 0; at < 3; at += 1) await Promise.all(Array.from({ length: 230 }, () => journal.append(event())));
  const [first] = await journal.list({ limit: 1, before: 1 });
  const [last] = await journal.list({ limit: 1 });
  expect([first?.seq, last?.seq]).toEqual([0, 689]);
  for (const [line, size] of [
    [first, 1],
    [first, 690],
    [last, 690],
  ] as const) {
    const proof = await journal.prove(line!.seq, size);
    const hash = auditEntryHash({ ...line!, contentHash: auditContentHash(line!.text) });
    expect(verifyInclusion({ leafHash: treeLeaf(hash), ...proof })).toBe(true);
    expect(verifyInclusion({ leafHash: leafHash(new Uint8Array(32)), ...proof })).toBe(false);
  }
  await expect(journal.prove(690, 690)).rejects.toMatchObject({ code: 'not-found' });
  await expect(journal.prove(0, 691)).rejects.toMatchObject({ code: 'not-found' });
});

test('extends its tree consistently across stored and computed nodes', async () => {
  const sizes = [1, 2, 255, 256, 257, 511, 512, 600, 1024, 1030];
  const roots: string[] = [];
  let size = 0;
  for (const next of sizes) {
    await Promise.all(Array.from({ length: next - size }, () => journal.append(event())));
    size = next;
    roots.push(await readLogRoot(store.read, 'audit', size));
  }
  let pairs = 0;
  for (const [at, size1] of sizes.entries()) {
    for (const [later, size2] of sizes.entries()) {
      if (later < at) continue;
      const { root, proof } = await readLogGrowth(store.read, 'audit', size1, size2);
      expect(root).toBe(roots[later]);
      expect(verifyConsistency({ size1, size2, root1: roots[at]!, root2: roots[later]!, proof })).toBe(true);
      pairs += 1;
    }
  }
  expect(pairs).toBe(55);
});

test('keeps no pid and no word of an event readable in the file', async () => {
  await journal.append(event({ purpose: 'HRESCH' }));
  const [row] = await store.read.selectFrom('auditEvent').selectAll().execute();
  expect(row?.pidToken).not.toContain(pid);
  expect(Buffer.from(row!.sealed).includes('HRESCH')).toBe(false);
  const stranger = new AuditJournal(store, createMasterKey(randomBytes(32), { network, organisation: 'hospital-a' }));
  await expect(stranger.list({ limit: 1 })).rejects.toMatchObject({ code: 'corrupt' });
  await expect(stranger.listOfPid(pid, { limit: 1 })).resolves.toEqual([]);
});

test('tells a row that was moved to another place', async () => {
  await journal.append(event());
  await journal.append(event());
  const [first] = await store.read.selectFrom('auditEvent').selectAll().execute();
  await store.write((trx) =>
    trx.updateTable('auditEvent').set({ sealed: first!.sealed }).where('seq', '=', 1).execute(),
  );
  await expect(journal.list({ limit: 5 })).rejects.toMatchObject({ code: 'corrupt' });
});

test('refuses an event instead of releasing without one when the store cannot write', async () => {
  await store[Symbol.asyncDispose]();
  await expect(journal.append(event())).rejects.toMatchObject({ code: 'closed' });
  store = await openStore(join(directory, 'again.sqlite'));
});

test('counts on without a gap after a commit that failed', async () => {
  await journal.append(event());
  // Its text cannot be written: whoever shares the commit is refused too, and nothing of it remains.
  const failing = await Promise.allSettled([
    journal.append(event()),
    journal.append(event({ records: [1n as never] })),
  ]);
  expect(failing.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await journal.append(event())).toEqual({ seq: 1 });
  expect((await journal.listOfPid(pid, { limit: 9 })).map(({ pidSeq }) => pidSeq)).toEqual([2, 1]);
});

test('goes on where another process ended the log', async () => {
  await journal.append(event());
  const next = new AuditJournal(store, masterKey);
  expect(await next.append(event())).toEqual({ seq: 1 });
  expect((await next.listOfPid(pid, { limit: 9 })).map(({ pidSeq }) => pidSeq)).toEqual([2, 1]);
});
