import { appendFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { revoke, staffCall } from '@salus/wallet';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStory, laterMedication, type Story } from '../test/story.ts';
import { backupData, restoreData } from './backup.ts';
import { BundleWorkers } from './bundle-workers.ts';
import { replayRevocations } from './replay-revocations.ts';
import { openRevocationJournal, type RevocationJournal } from './revocation-journal.ts';
import { verifyRecords } from './verify/verify-records.ts';

const workers = new BundleWorkers(1);
let story: Story;
let outside: string;
let journal: RevocationJournal;

/** A founded network with a story takes some seconds on a busy machine. */
const STORY_TIMEOUT_MS = 120_000;

beforeEach(async () => {
  story = await createStory(workers);
  outside = await mkdtemp(join(tmpdir(), 'salus-outside-'));
  journal = await openJournal(story.consortium);
}, STORY_TIMEOUT_MS);

afterAll(() => workers[Symbol.asyncDispose]());

afterEach(async () => {
  await journal[Symbol.asyncDispose]();
  await story.consortium[Symbol.asyncDispose]();
  await rm(outside, { recursive: true });
});

/** Databases are copied and verified twice, on a machine that may be busy. */
vi.setConfig({ testTimeout: STORY_TIMEOUT_MS });

function openJournal({ ledger, failures }: Story['consortium']): Promise<RevocationJournal> {
  return openRevocationJournal(join(outside, 'revocations'), { ledger, onFailure: (error) => failures.push(error) });
}

const vaults = () => [...story.consortium.members.values()].map(({ vault }) => vault);

function backUp(directory: string) {
  const { ledger, clock } = story.consortium;
  return backupData({ vaults: vaults(), ledger, directory, clock });
}

/** Puts a restored data directory in the place of the consortium's own, as an operator would. */
async function swapIn(restored: string): Promise<void> {
  const { consortium } = story;
  await journal[Symbol.asyncDispose]();
  await consortium.close();
  await rm(join(consortium.directory, 'orgs'), { recursive: true });
  for (const name of await readdir(consortium.directory)) {
    if (name.startsWith('ledger.sqlite')) await rm(join(consortium.directory, name));
  }
  await cp(join(restored, 'orgs'), join(consortium.directory, 'orgs'), { recursive: true });
  await cp(join(restored, 'ledger', 'ledger.sqlite'), join(consortium.directory, 'ledger.sqlite'));
  await consortium.open();
  journal = await openJournal(consortium);
}

test('copies a running node consistently, while it writes, and restores it to what verifies, without a word in plain', async () => {
  const { consortium, author } = story;
  const writing = (async () => {
    for (let round = 0; round < 6; round += 1) {
      await consortium.import(author, [laterMedication(story, `while copying ${round}`)]);
    }
  })();
  const directory = join(outside, 'backup');
  const manifest = await backUp(directory);
  await writing;
  expect(manifest.organisations).toEqual(['hospital-a', 'hospital-b']);
  expect(manifest.files.length).toBeGreaterThanOrEqual(4);
  const { verifications } = await restoreData({ from: directory, to: join(outside, 'restored') });
  expect(verifications.map(({ findings }) => findings)).toEqual([[], []]);
  expect(verifications[0]?.seen.records).toBeGreaterThanOrEqual(7);
  for (const { path } of manifest.files) {
    const bytes = await readFile(join(directory, path));
    for (const word of ['Example', 'medicine', 'while copying', 'glucose', story.patient.fhirId]) {
      expect(bytes.includes(word), `${word} in ${path}`).toBe(false);
    }
  }
});

test('refuses a backup with a changed, missing or additional file', async () => {
  const directory = join(outside, 'backup');
  const manifest = await backUp(directory);
  const pack = manifest.files.find(({ path }) => path.endsWith('.pack'))!.path;
  const refused = async (change: (file: string) => Promise<void>): Promise<void> => {
    const copy = join(outside, `changed-${Math.random()}`);
    await cp(directory, copy, { recursive: true });
    await change(join(copy, pack));
    await expect(restoreData({ from: copy, to: `${copy}-restored` })).rejects.toMatchObject({ code: 'corrupt' });
  };
  await refused((file) => appendFile(file, 'x'));
  await refused((file) => rm(file));
  await refused((file) => writeFile(`${file}.more`, 'x'));
  await expect(restoreData({ from: directory, to: directory })).rejects.toMatchObject({ code: 'bad-input' });
  await expect(restoreData({ from: outside, to: join(outside, 'none') })).rejects.toMatchObject({ code: 'corrupt' });
});

test('releases nothing after an older backup was restored, until the rollback is named and revocations are replayed', async () => {
  const { consortium, author, readerSide, patient } = story;
  const kept = await consortium.grant({ author, reader: readerSide, patient });
  const taken = await consortium.grant({ author, reader: readerSide, patient });
  const [added = ''] = await consortium.import(author, [laterMedication(story, 'to be erased')]);
  const { leafHash } = await consortium.record(author, added);
  const directory = join(outside, 'backup');
  await backUp(directory);
  const { pid, grant } = taken.terms;
  await consortium.commit(await revoke(patient.wallet, consortium.occasion, { pid, grant }));
  await consortium.erase(author, patient, added);
  await journal.catchUp();
  await restoreData({ from: directory, to: join(outside, 'restored') });
  await swapIn(join(outside, 'restored'));

  const open = async (token: typeof kept) =>
    readerSide.exchange.reader.open(await consortium.use(token, readerSide.clinician));
  const lost = consortium.ledger.rollbackNeeded;
  expect(lost).toBeDefined();
  await expect(open(kept)).rejects.toMatchObject({ detail: 'rollback-unnamed' });
  const early = await replayRevocations(journal, vaults());
  expect(early).toMatchObject({ replayed: 1, outstanding: [] });
  await expect(open(kept)).rejects.toMatchObject({ detail: 'rollback-unnamed' });

  const { from, to, hash } = lost!;
  const content = { contract: 'access', transaction: 'rollback', args: { from, to, hash } };
  await consortium.commit(await staffCall(author.administrator, consortium.occasion, content));
  await expect(open(kept)).rejects.toMatchObject({ detail: 'rollback-unnamed' });
  expect(await replayRevocations(journal, vaults())).toMatchObject({ replayed: 0, outstanding: [] });
  await open(kept);
  await expect(open(taken)).rejects.toMatchObject({ detail: 'grant-revoked' });

  const rows = await author.vault.store.read
    .selectFrom('record')
    .selectAll()
    .where('leafHash', '=', leafHash)
    .execute();
  expect(rows).toMatchObject([{ status: 'erased', wrap: null }]);
  for (const { exchange } of consortium.members.values()) await exchange.roots.publish();
  const verification = await verifyRecords({
    directory: author.directory,
    organisation: 'hospital-a',
    ledger: consortium.ledger,
  });
  expect(verification.findings).toEqual([]);
  expect(verification.notes.erasedBeforeRollback).toBe(1);
});

test('stays closed while the revocation of a member waits for an administrator', async () => {
  const { consortium, readerSide } = story;
  const nurse = await consortium.enrolStaff('hospital-b', ['nurse']);
  const directory = join(outside, 'backup');
  await backUp(directory);
  const content = { contract: 'membership', transaction: 'revoke', args: { id: nurse.id, reason: 'left' } };
  await consortium.commit(await staffCall(readerSide.administrator, consortium.occasion, content));
  await journal.catchUp();
  await restoreData({ from: directory, to: join(outside, 'restored') });
  await swapIn(join(outside, 'restored'));
  const { from, to, hash } = consortium.ledger.rollbackNeeded!;
  const named = { contract: 'access', transaction: 'rollback', args: { from, to, hash } };
  await consortium.commit(await staffCall(readerSide.administrator, consortium.occasion, named));
  expect(await replayRevocations(journal, vaults())).toMatchObject({ outstanding: [nurse.id] });
  expect(readerSide.vault.guard.isClosed).toBe(true);
  await consortium.commit(await staffCall(readerSide.administrator, consortium.occasion, content));
  await replayRevocations(journal, vaults());
  expect(readerSide.vault.guard.isClosed).toBe(false);
});

test('keeps the journal across restarts and a line that was torn', async () => {
  const { consortium, author, readerSide, patient } = story;
  const { terms } = await consortium.grant({ author, reader: readerSide, patient });
  await consortium.commit(await revoke(patient.wallet, consortium.occasion, { pid: terms.pid, grant: terms.grant }));
  await journal.catchUp();
  await journal[Symbol.asyncDispose]();
  const path = join(outside, 'revocations');
  await appendFile(path, '{"version":"salus:revocati');
  journal = await openJournal(consortium);
  await journal.catchUp();
  const lines = (await readFile(path, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).kind);
  expect(lines.filter((kind) => kind === 'revocation')).toEqual(['revocation']);
  expect(await journal.replay()).toEqual({ replayed: 0, erased: [], outstanding: [] });
});
