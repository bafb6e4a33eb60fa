import { once } from 'node:events';
import { join } from 'node:path';
import { openLedgerState } from '@salus/ledger';
import { scaled } from '@salus/testing';
import { afterAll, expect, test } from 'vitest';
import { demandConsistent } from '../test/consistency.ts';
import { makePlace, type Place } from '../test/place.ts';
import { startWriting } from '../test/writing.ts';
import { BundleWorkers } from './bundle-workers.ts';
import type { Finding } from './verify/finding.ts';
import { verifyRecords } from './verify/verify-records.ts';

const workers = new BundleWorkers(1);
afterAll(() => workers[Symbol.asyncDispose]());

const KILLS = scaled(3, 30);
/** Kills of one place: all of its records are verified and opened after each of them. */
const KILLS_OF_A_PLACE = 10;

/** What verification finds in the files as the kill left them. */
async function findingsIn(place: Place): Promise<readonly Finding[]> {
  using ledger = openLedgerState(join(place.directory, 'ledger.sqlite'));
  const directory = join(place.directory, 'hospital-a');
  return (await verifyRecords({ directory, organisation: 'hospital-a', ledger })).findings;
}

test(`no acknowledged write is lost and nothing is half there after ${KILLS} kills under load`, async () => {
  let acknowledged = 0;
  for (let killed = 0; killed < KILLS; killed += KILLS_OF_A_PLACE) {
    acknowledged += await killOnePlace(killed, Math.min(killed + KILLS_OF_A_PLACE, KILLS));
  }
  expect(acknowledged).toBeGreaterThanOrEqual(KILLS);
}, 1_800_000);

/** Tells how many bundles were acknowledged, all of which are there. */
async function killOnePlace(from: number, to: number): Promise<number> {
  const place = await makePlace({ workers });
  try {
    const acknowledged: string[] = [];
    for (let run = from; run < to; run += 1) {
      await place.close();
      const writing = await startWriting(place, run);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
      const ended = once(writing.child, 'exit');
      writing.child.kill('SIGKILL');
      await ended;
      acknowledged.push(...writing.acknowledged);
      expect(await findingsIn(place)).toEqual([]);
      await place.open();
      const { records } = await demandConsistent(place.vault);
      expect(records).toBeGreaterThanOrEqual(acknowledged.length * 3);
      expect(records % 3).toBe(0);
    }
    for (const line of acknowledged) {
      const [patient = '', observation = '', document = ''] = line.split(' ');
      expect(await place.vault.patients.findByFhirId(patient)).toBeDefined();
      expect(await place.vault.rows.findResource('Observation', observation)).toBeDefined();
      expect(await place.vault.rows.findResource('DocumentReference', document)).toBeDefined();
    }
    return acknowledged.length;
  } finally {
    await place.remove();
  }
}
