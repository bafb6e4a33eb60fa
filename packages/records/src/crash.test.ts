import { rm, stat, truncate, writeFile } from 'node:fs/promises';
import type { SubmitResult } from '@salus/ledger';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { bundleOf } from '../test/bundle.ts';
import { demandConsistent } from '../test/consistency.ts';
import { submitAs } from '../test/network.ts';
import { makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';
import { CRASH_POINTS, type CrashPoint } from './crash-points.ts';
import type { FilePacks } from './packs.ts';

const workers = new BundleWorkers(1);
let place: Place;
let armed: CrashPoint | undefined;
beforeEach(async () => {
  armed = undefined;
  place = await makePlace({
    workers,
    crash: (point) => {
      if (point === armed) throw new Error(`stopped at ${point}`);
    },
  });
});
afterEach(() => place.remove());
afterAll(() => workers[Symbol.asyncDispose]());

/** Above the size that becomes an attachment of its own. */
const LARGE = Buffer.alloc(400_000, 'x').toString('base64');
const story = (family: string) =>
  bundleOf([
    { id: 'p', resourceType: 'Patient', name: [{ family }] },
    {
      id: 'o',
      resourceType: 'Observation',
      status: 'final',
      subject: { reference: 'urn:uuid:p' },
      code: { text: 'x' },
    },
    {
      id: 'd',
      resourceType: 'DocumentReference',
      status: 'current',
      subject: { reference: 'urn:uuid:p' },
      content: [{ attachment: { contentType: 'text/plain', data: LARGE } }],
    },
  ]);

const AFTER_COMMIT: readonly CrashPoint[] = ['write:after-ledger', 'write:after-finish'];
/** Pack and intent were durable: the next start sends the call again. */
const SETTLED: readonly CrashPoint[] = ['write:after-pack', 'write:after-intent', ...AFTER_COMMIT];
const writePoints = CRASH_POINTS.filter((point) => point.startsWith('write:'));

test('visits every step of a write', () => {
  expect(writePoints).toHaveLength(5);
});

test.each(writePoints)(
  'a write that stops at %s is whole or gone after the next start, without a manual step',
  async (point) => {
    const caller = await place.writer();
    const first = await place.vault.repository.transaction(caller, story('First'));
    if (first.kind === 'refused') throw new Error(first.code);

    armed = point;
    await expect(place.vault.repository.transaction(caller, story('Second'))).rejects.toThrow(`stopped at ${point}`);
    await place.restart();
    const { records } = await demandConsistent(place.vault);
    const survives = SETTLED.includes(point);
    expect(records).toBe(survives ? 6 : 3);
    const { finished, orphans } = place.vault.reconciliation;
    expect(finished).toBe(survives && point !== 'write:after-finish' ? 1 : 0);
    // The attachment that was written before the pack.
    expect(orphans).toBe(point === 'write:before-pack' ? 1 : 0);
    expect(await place.vault.store.read.selectFrom('attachment').select('attachmentId').execute()).toHaveLength(
      records / 3,
    );

    const again = await place.vault.repository.transaction(caller, story('Second'));
    if (survives) expect(again).toMatchObject({ kind: 'refused', code: 'already-imported' });
    else expect(again).toMatchObject({ kind: 'committed' });
    await demandConsistent(place.vault);
    // Each committed write is in the audit log of its patient.
    const patients = await place.vault.patients.list({ limit: 10 });
    expect(patients).toHaveLength(2);
    for (const { pid } of patients) {
      const lines = await place.vault.audit.listOfPid(pid, { limit: 10 });
      expect(lines.filter(({ event }) => event.kind === 'write').length).toBeGreaterThan(0);
    }
  },
);

/** What a power cut leaves of a pack that nobody has synced yet. */
const TORN_PACKS: Readonly<Record<string, (path: string) => Promise<void>>> = {
  missing: (path) => rm(path),
  short: async (path) => truncate(path, (await stat(path)).size - 1),
  'of other bytes': async (path) => writeFile(path, Buffer.alloc((await stat(path)).size)),
};

/** The pack of the one batch that is pending. */
async function pendingPack(): Promise<string> {
  const { store, packs } = place.vault;
  const batch = store.read.selectFrom('batch').select('batchId').where('state', '=', 'pending');
  return (packs as FilePacks).pathOf((await batch.executeTakeFirstOrThrow()).batchId);
}

test.each(Object.entries(TORN_PACKS))(
  'an intent whose pack is %s after a crash is never sent, and nothing of it remains',
  async (_kind, tear) => {
    const caller = await place.writer();
    armed = 'write:after-intent';
    await expect(place.vault.repository.transaction(caller, story('Torn'))).rejects.toThrow('stopped');
    await tear(await pendingPack());
    await place.restart();
    expect(place.vault.reconciliation).toMatchObject({ finished: 0, discarded: 1 });
    expect(await demandConsistent(place.vault)).toMatchObject({ records: 0 });
    armed = undefined;
    expect(await place.vault.repository.transaction(caller, story('Torn'))).toMatchObject({ kind: 'committed' });
    expect(await demandConsistent(place.vault)).toMatchObject({ records: 3 });
  },
);

test('a write whose pack cannot be written leaves nothing, although its intent was durable', async () => {
  const caller = await place.writer();
  expect(await place.vault.repository.transaction(caller, story('First'))).toMatchObject({ kind: 'committed' });
  const write = vi.spyOn(place.vault.packs, 'write').mockRejectedValueOnce(new Error('no space left'));
  await expect(place.vault.repository.transaction(caller, story('Full'))).rejects.toThrow('no space left');
  expect(write).toHaveBeenCalledOnce();
  expect(await demandConsistent(place.vault)).toMatchObject({ records: 3 });
  expect(await place.vault.repository.transaction(caller, story('Full'))).toMatchObject({ kind: 'committed' });
  expect(await demandConsistent(place.vault)).toMatchObject({ records: 6 });
});

test('a batch that the ledger has is finished although the disk lost its pack, and its records are known as damaged', async () => {
  const caller = await place.writer();
  armed = 'write:after-ledger';
  await expect(place.vault.repository.transaction(caller, story('Lost'))).rejects.toThrow('stopped');
  await truncate(await pendingPack(), 1);
  await place.restart();
  expect(place.vault.reconciliation).toMatchObject({ finished: 1, discarded: 0 });
  await expect(demandConsistent(place.vault)).rejects.toMatchObject({ code: 'corrupt' });
});

test('a write whose block is stored without an answer is kept, although the ledger takes no more calls', async () => {
  const caller = await place.writer();
  const { ledger } = place.consortium;
  const submit = ledger.submit.bind(ledger);
  const answers: (() => Promise<SubmitResult>)[] = [
    () => Promise.reject(new Error('no answer')),
    async () => ({ kind: 'refused', callId: null, code: 'stopped' }),
  ];
  let attempts = 0;
  ledger.submit = async (call, privateArgs) => {
    if (call.payload.transaction !== 'commit') return submit(call, privateArgs);
    if (attempts === 0) await submit(call, privateArgs);
    return answers[Math.min(attempts++, 1)]!();
  };
  await expect(place.vault.repository.transaction(caller, story('Kept'))).resolves.toMatchObject({
    kind: 'refused',
    code: 'ledger-unavailable',
  });
  expect(attempts).toBeGreaterThan(1);
  ledger.submit = submit;
  await place.restart();
  expect(place.vault.reconciliation).toMatchObject({ finished: 1, discarded: 0 });
  expect(await demandConsistent(place.vault)).toMatchObject({ records: 3 });
});

test('a bundle that was imported before leaves no attachment when it is refused', async () => {
  const caller = await place.writer();
  const outcomes: unknown[] = [];
  for (let round = 0; round < 3; round += 1) {
    const { kind } = await place.vault.repository.transaction(caller, story('Same'));
    outcomes.push(kind);
  }
  expect(outcomes).toEqual(['committed', 'refused', 'refused']);
  const ids: string[] = [];
  for await (const shard of place.vault.attachments.list()) ids.push(...shard);
  expect(ids).toHaveLength(1);
});

test('a start after a clean end finds nothing to settle', async () => {
  await place.vault.repository.transaction(await place.writer(), story('First'));
  await place.restart();
  expect(place.vault.reconciliation).toEqual({ finished: 0, discarded: 0, distrusted: 0, orphans: 0 });
});

test('an intent whose call the ledger refuses is discarded with all its rows and files', async () => {
  const caller = await place.writer();
  armed = 'write:after-intent';
  await expect(place.vault.repository.transaction(caller, story('Late'))).rejects.toThrow('stopped');
  // The delegation ends before the next start: the same call can no longer commit.
  const { administrator, clinician } = place.organisation;
  const as = { signerName: `id:${administrator.id}`, signer: administrator.signer };
  const { ledger, clock } = place.consortium;
  await submitAs(ledger, as, 'membership.revoke', { id: clinician.id, reason: 'left' }, clock());
  await place.restart();
  expect(place.vault.reconciliation).toMatchObject({ finished: 0, discarded: 1 });
  expect(await demandConsistent(place.vault)).toMatchObject({ records: 0 });
  for (const table of [
    'record',
    'attachment',
    'patient',
    'identifier',
    'dataKey',
    'epoch',
    'envelope',
    'bundle',
  ] as const) {
    expect(await place.vault.store.read.selectFrom(table).selectAll().execute()).toEqual([]);
  }
});
