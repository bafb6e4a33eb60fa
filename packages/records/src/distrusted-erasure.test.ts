import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callKey, leafKey } from '@salus/contracts';
import { canonical, type Json } from '@salus/crypto';
import { revoke } from '@salus/wallet';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { distrusting } from '../test/distrusting.ts';
import { createStory, type Story } from '../test/story.ts';
import { BundleWorkers } from './bundle-workers.ts';
import { idOfCall } from './node-call.ts';
import { replayRevocations } from './replay-revocations.ts';
import { JOURNAL_VERSION, openRevocationJournal } from './revocation-journal.ts';
import type { StoredRecord } from './vault-types.ts';

const workers = new BundleWorkers(1);
/** Keys that an alarm has written, as the author's own follower sees them. */
const distrusted = new Set<string>();
let story: Story;
let outside: string;

/** On a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

beforeEach(async () => {
  story = await createStory(workers);
  outside = await mkdtemp(join(tmpdir(), 'salus-distrusted-'));
  await reopenAuthor();
});

afterEach(async () => {
  distrusted.clear();
  await story.consortium[Symbol.asyncDispose]();
  await rm(outside, { recursive: true });
});

afterAll(() => workers[Symbol.asyncDispose]());

/** The author's node starts again, on a ledger that distrusts these keys. */
async function reopenAuthor(): Promise<void> {
  const { consortium } = story;
  const { ledger } = consortium;
  consortium.ledger = distrusting(ledger, distrusted);
  story = { ...story, author: await consortium.reopen('hospital-a') };
  consortium.ledger = ledger;
}

function openJournal() {
  const { author, consortium } = story;
  const { failures } = consortium;
  const ledger = distrusting(consortium.ledger, distrusted);
  expect(author.vault.ledger).not.toBe(consortium.ledger);
  return openRevocationJournal(join(outside, 'journal'), { ledger, onFailure: (error) => failures.push(error) });
}

const keyOf = ({ keyId, leafHash }: StoredRecord): string => leafKey(keyId, leafHash);

function medication(number: number): Promise<StoredRecord> {
  return story.consortium.record(story.author, story.medications[number]!);
}

/** An erasure that the ledger commits while the author's node distrusts what it writes, so that it is not carried out. */
async function commitUnapplied(number: number): Promise<{ readonly record: StoredRecord; readonly callId: string }> {
  const { consortium, author, patient, medications } = story;
  const record = await medication(number);
  distrusted.add(keyOf(record));
  await expect(consortium.erase(author, patient, medications[number]!)).rejects.toMatchObject({ code: 'distrusted' });
  const [version] = await consortium.ledger.history(keyOf(record), { limit: 1 });
  return { record, callId: version!.callId };
}

async function statusOf({ leafHash }: StoredRecord): Promise<string> {
  const { status } = await story.author.vault.store.read
    .selectFrom('record')
    .select('status')
    .where('leafHash', '=', leafHash)
    .executeTakeFirstOrThrow();
  return status;
}

async function expectWhole(record: StoredRecord): Promise<void> {
  expect(await statusOf(record)).toBe('current');
  expect((await story.author.vault.ciphertext.readPlaintext(record)).length).toBeGreaterThan(0);
}

test('destroys nothing for an erasure whose leaves are distrusted, and follows the honest one behind it', async () => {
  const { record: tainted, callId } = await commitUnapplied(0);
  const { record: honest } = await commitUnapplied(1);
  distrusted.delete(keyOf(honest));
  const { leafStates } = story.author.vault;
  expect(await leafStates.applyCall(callId)).toBe(0);
  expect(await leafStates.eraseAgain([keyOf(tainted)])).toBe(0);
  const ending = new AbortController();
  const following = leafStates.follow(0, ending.signal);
  await expect.poll(() => statusOf(honest)).toBe('erased');
  ending.abort();
  await following;
  await expectWhole(tainted);
  expect(story.consortium.failures).toContainEqual(expect.objectContaining({ code: 'distrusted' }));
});

test('takes no distrusted call for committed, though its leaves are not distrusted themselves', async () => {
  const { record: tainted, callId } = await commitUnapplied(0);
  const { record: honest } = await commitUnapplied(1);
  distrusted.add(callKey(callId));
  distrusted.delete(keyOf(tainted));
  distrusted.delete(keyOf(honest));
  const { leafStates } = story.author.vault;
  await expect(leafStates.applyCall(callId)).rejects.toMatchObject({ code: 'distrusted' });
  const ending = new AbortController();
  const following = leafStates.follow(0, ending.signal);
  await expect.poll(() => statusOf(honest)).toBe('erased');
  ending.abort();
  await following;
  await expectWhole(tainted);
});

test('notes no distrusted erasure in the journal, and starts and destroys nothing where one was noted before', async () => {
  const { record: tainted } = await commitUnapplied(0);
  const { record: honest } = await commitUnapplied(1);
  distrusted.delete(keyOf(honest));
  const noted = async (): Promise<readonly string[]> =>
    (await readFile(join(outside, 'journal'), 'utf8'))
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => (JSON.parse(line) as { readonly leaves?: readonly string[] }).leaves ?? []);
  {
    await using journal = await openJournal();
    await journal.catchUp();
    expect(await noted()).toEqual([keyOf(honest)]);
  }
  // The key was not yet distrusted when the next journal noted it.
  await rm(join(outside, 'journal'));
  distrusted.clear();
  await using journal = await openJournal();
  await journal.catchUp();
  expect(await noted()).toEqual([keyOf(tainted), keyOf(honest)]);
  distrusted.add(keyOf(tainted));
  expect(await journal.replay()).toEqual({ replayed: 0, erased: [], outstanding: [] });
});

test('keeps a distrusted revocation outstanding while its grant lives, so that nothing is released', async () => {
  const { consortium, author, readerSide, patient } = story;
  const { terms } = await consortium.grant({ author, reader: readerSide, patient });
  const { call } = await revoke(patient.wallet, consortium.occasion, { pid: terms.pid, grant: terms.grant });
  const entry = { version: JOURNAL_VERSION, kind: 'revocation', block: 1, call };
  await writeFile(join(outside, 'journal'), `${canonical(entry as unknown as Json)}\n`);
  distrusted.add(callKey(idOfCall(call)));
  await using journal = await openJournal();
  const { vault } = author;
  expect(await replayRevocations(journal, [vault])).toMatchObject({ replayed: 0, outstanding: [idOfCall(call)] });
  expect(vault.guard.isClosed).toBe(true);
});

test('asks nobody for a distrusted revocation whose grant releases nothing', async () => {
  const { consortium, author, readerSide, patient } = story;
  const { terms } = await consortium.grant({ author, reader: readerSide, patient });
  const prepared = await revoke(patient.wallet, consortium.occasion, { pid: terms.pid, grant: terms.grant });
  await consortium.commit(prepared);
  await using journal = await openJournal();
  await journal.catchUp();
  const [version] = await consortium.ledger.history(`grant/${terms.pid}/${terms.grant}`, { limit: 1 });
  distrusted.add(callKey(version!.callId));
  // The grant is revoked, whatever is said of the call.
  expect(await journal.replay()).toEqual({ replayed: 0, erased: [], outstanding: [] });
  distrusted.add(`grant/${terms.pid}/${terms.grant}`);
  expect(await journal.replay()).toEqual({ replayed: 0, erased: [], outstanding: [] });
  expect(consortium.failures.length).toBeGreaterThan(0);
});

test('starts again with a distrusted leaf on the ledger, and erases all that does not rest on it', async () => {
  const { record: tainted } = await commitUnapplied(0);
  const { record: honest } = await commitUnapplied(1);
  distrusted.delete(keyOf(honest));
  distrusted.add('leaf/of/nobody');
  await reopenAuthor();
  expect(await statusOf(honest)).toBe('erased');
  await expectWhole(tainted);
  expect(story.consortium.failures).toContainEqual(expect.objectContaining({ code: 'distrusted' }));
});

test('starts again with a batch under way whose call is distrusted, and leaves it as it is', async () => {
  const record = await medication(0);
  const { batchId, callId } = record;
  const stateOf = () =>
    story.author.vault.store.read
      .selectFrom('batch')
      .select('state')
      .where('batchId', '=', batchId)
      .executeTakeFirstOrThrow();
  // As a crash leaves it between the ledger and the rows.
  const call = JSON.stringify((await story.consortium.ledger.transaction(callId))!.call);
  await story.author.vault.store.write((trx) =>
    trx.updateTable('batch').set({ state: 'pending', call }).where('batchId', '=', batchId).execute(),
  );
  distrusted.add(callKey(callId));
  await reopenAuthor();
  expect(story.author.vault.reconciliation).toMatchObject({ finished: 0, discarded: 0, distrusted: 1 });
  expect(await stateOf()).toEqual({ state: 'pending' });
  // Neither finished nor removed: its pack is still there.
  expect((await story.author.vault.ciphertext.readCiphertext(record)).length).toBeGreaterThan(0);
});
