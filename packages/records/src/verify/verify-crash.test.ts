import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedgerState } from '@salus/ledger';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { bundleOf } from '../../test/bundle.ts';
import { makePlace, type Place } from '../../test/place.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import { CRASH_POINTS, type CrashPoint } from '../crash-points.ts';
import { type RecordsVerification, verifyRecords } from './verify-records.ts';

const workers = new BundleWorkers(1);
let place: Place;
let copy: string;
let armed: CrashPoint | undefined;

beforeEach(async () => {
  armed = undefined;
  copy = await mkdtemp(join(tmpdir(), 'salus-crashed-'));
  place = await makePlace({
    workers,
    crash: (point) => {
      if (point === armed) throw new Error(`stopped at ${point}`);
    },
  });
}, 240_000);

afterEach(async () => {
  await place.remove();
  await rm(copy, { recursive: true });
});

afterAll(() => workers[Symbol.asyncDispose]());

/** Verifies a copy of all files as they lie there, with the ledger file that lies beside them. */
async function verifyAsItLies(): Promise<RecordsVerification> {
  const directory = join(copy, String(Math.random()));
  await cp(place.directory, directory, { recursive: true });
  using ledger = openLedgerState(join(directory, 'ledger.sqlite'));
  return await verifyRecords({ directory: join(directory, 'hospital-a'), organisation: 'hospital-a', ledger });
}

const bundle = (family: string): string =>
  bundleOf([
    { id: 'p', resourceType: 'Patient', name: [{ family }] },
    {
      ...{ id: 'd', resourceType: 'DocumentReference', status: 'current', subject: { reference: 'urn:uuid:p' } },
      content: [{ attachment: { contentType: 'text/plain', data: Buffer.alloc(400_000, 'x').toString('base64') } }],
    },
  ]);

test.each(CRASH_POINTS.filter((point) => point.startsWith('write:')))(
  'finds no fault in what a write leaves that stops at %s, nor after the next start',
  async (point) => {
    const caller = await place.writer();
    await place.vault.repository.transaction(caller, bundle('First'));
    armed = point;
    await expect(place.vault.repository.transaction(caller, bundle('Second'))).rejects.toThrow(`stopped at ${point}`);
    const crashed = await verifyAsItLies();
    expect(crashed.findings).toEqual([]);
    expect(crashed.seen).toMatchObject({ attachments: expect.any(Number) });
    expect(crashed.seen.attachments).toBeGreaterThan(0);
    const unsettled = crashed.notes.pendingBatches + crashed.notes.orphanFiles;
    expect(unsettled > 0).toBe(point !== 'write:after-finish');
    await place.restart();
    const restarted = await verifyAsItLies();
    expect(restarted.findings).toEqual([]);
    expect(restarted.notes).toMatchObject({ pendingBatches: 0, orphanFiles: 0 });
  },
  120_000,
);
