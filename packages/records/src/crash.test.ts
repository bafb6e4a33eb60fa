import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { bundleOf } from '../test/bundle.ts';
import { demandConsistent } from '../test/consistency.ts';
import { submitAs } from '../test/network.ts';
import { makePlace, type Place } from '../test/place.ts';
import { BundleWorkers } from './bundle-workers.ts';
import { CRASH_POINTS, type CrashPoint } from './crash-points.ts';

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
/** The intent was durable: the next start sends its call again. */
const SETTLED: readonly CrashPoint[] = ['write:after-intent', ...AFTER_COMMIT];
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
    // The pack, and the attachment that was written before it.
    expect(orphans).toBe({ 'write:before-pack': 1, 'write:after-pack': 2 }[point as string] ?? 0);
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

test('a start after a clean end finds nothing to settle', async () => {
  await place.vault.repository.transaction(await place.writer(), story('First'));
  await place.restart();
  expect(place.vault.reconciliation).toEqual({ finished: 0, discarded: 0, orphans: 0 });
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
