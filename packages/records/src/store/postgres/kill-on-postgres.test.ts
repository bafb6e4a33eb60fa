import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedLedger, openLedgerState } from '@salus/ledger';
import { type PostgresServer, scaled } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { demandConsistent } from '../../../test/consistency.ts';
import { makePlace, type Place } from '../../../test/place.ts';
import { usePostgres } from '../../../test/test-store.ts';
import { startWriting } from '../../../test/writing.ts';
import { backupData } from '../../backup.ts';
import { BundleWorkers } from '../../bundle-workers.ts';
import { verifyRecords } from '../../verify/verify-records.ts';

/** Every kind of change is killed 50 times below. */
const KILLS = scaled(3, 10);
const TIMEOUT_MS = 1_200_000;
const RECORDS_OF_A_BUNDLE = 3;
/** Opening every record takes longer the more there are. */
const WHOLE_CHECK_EVERY = 5;

let server: PostgresServer;
const workers = new BundleWorkers(1);
beforeAll(async () => {
  server = await usePostgres();
}, 240_000);
afterAll(async () => {
  await workers[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

/** No bundle is under way, and each has all of its records; at least as many as were acknowledged. */
async function demandAllOrNothing({ vault }: Place, acknowledged: number): Promise<void> {
  const { read } = vault.store;
  const batches = await read.selectFrom('batch').select(['batchId', 'state']).execute();
  expect(batches.filter(({ state }) => state !== 'committed')).toEqual([]);
  const records = await read
    .selectFrom('record')
    .select(({ fn }) => ['batchId', fn.countAll<number>().as('count')])
    .groupBy('batchId')
    .execute();
  expect(records.filter(({ count }) => count !== RECORDS_OF_A_BUNDLE)).toEqual([]);
  expect(records.length).toBeGreaterThanOrEqual(acknowledged);
}

/** Every bundle is whole or not there, every acknowledged one is there, and a copy of everything verifies. */
async function demandWhole(place: Place, acknowledged: readonly string[]): Promise<void> {
  const { records } = await demandConsistent(place.vault);
  expect(records % RECORDS_OF_A_BUNDLE).toBe(0);
  expect(records).toBeGreaterThanOrEqual(acknowledged.length * RECORDS_OF_A_BUNDLE);
  for (const line of acknowledged) {
    const [patient = '', observation = '', document = ''] = line.split(' ');
    expect(await place.vault.patients.findByFhirId(patient)).toBeDefined();
    expect(await place.vault.rows.findResource('Observation', observation)).toBeDefined();
    expect(await place.vault.rows.findResource('DocumentReference', document)).toBeDefined();
  }
}

test(
  `a transaction bundle is whole or gone after each of ${KILLS} kills of the node under load`,
  async () => {
    const place = await makePlace({ workers });
    try {
      const acknowledged: string[] = [];
      for (let run = 0; run < KILLS; run += 1) {
        await place.close();
        const writing = await startWriting(place, run);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
        const ended = once(writing.child, 'exit');
        writing.child.kill('SIGKILL');
        await ended;
        acknowledged.push(...writing.acknowledged);
        await place.open();
        await demandAllOrNothing(place, acknowledged.length);
        if (run % WHOLE_CHECK_EVERY === 0) await demandWhole(place, writing.acknowledged);
      }
      expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS);
      await demandWhole(place, acknowledged);
      await demandVerified(place);
    } finally {
      await place.remove();
    }
  },
  TIMEOUT_MS,
);

describe('each kind of change in one transaction', async () => {
  await import('../../kill-transaction.test.ts');
});

/** The copy that a backup makes is SQLite, and verifies as any store does. */
async function demandVerified(place: Place): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'salus-copied-'));
  try {
    const { clock } = place.consortium;
    const ledger = place.consortium.ledger as EmbeddedLedger;
    await backupData({ vaults: [place.vault], ledger, directory, clock });
    using copied = openLedgerState(join(directory, 'ledger', 'ledger.sqlite'));
    const at = { directory: join(directory, 'orgs', 'hospital-a'), organisation: 'hospital-a', ledger: copied };
    const { findings, seen } = await verifyRecords(at);
    expect(findings).toEqual([]);
    expect(seen.records).toBeGreaterThan(0);
  } finally {
    await rm(directory, { recursive: true });
  }
}
