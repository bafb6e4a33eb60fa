import { setTimeout as delay } from 'node:timers/promises';
import { type PostgresServer, scaled } from '@salus/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bundleOf } from '../../../test/bundle.ts';
import { demandConsistent } from '../../../test/consistency.ts';
import { makePlace, type Place } from '../../../test/place.ts';
import { usePostgres } from '../../../test/test-store.ts';
import { BundleWorkers } from '../../bundle-workers.ts';

const KILLS = scaled(2, 8);
const LANES = 4;
const TIMEOUT_MS = 600_000;
const SETTLED_MS_MAX = 240_000;

let server: PostgresServer;
let place: Place;
const workers = new BundleWorkers(1);

beforeEach(async () => {
  server = await usePostgres();
  place = await makePlace({ workers });
}, 240_000);
afterEach(async () => {
  await place.remove();
  await workers[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
}, 240_000);

const bundle = (family: string): string =>
  bundleOf([
    { id: 'p', resourceType: 'Patient', name: [{ family }] },
    {
      id: 'o',
      resourceType: 'Observation',
      status: 'final',
      subject: { reference: 'urn:uuid:p' },
      code: { text: 'x' },
    },
  ]);

test(
  `loses no acknowledged write in ${KILLS} kills of the server, and goes on by itself`,
  async () => {
    const caller = await place.writer();
    const acknowledged: string[] = [];
    const refusals = new Set<string>();
    const stop = new AbortController();
    const write = async (lane: number): Promise<void> => {
      for (let at = 0; !stop.signal.aborted; at += 1) {
        try {
          const result = await place.vault.repository.transaction(caller, bundle(`${lane}-${at}`));
          if (result.kind === 'committed') acknowledged.push(...result.outcomes.map(({ id }) => id));
          else refusals.add(result.code);
        } catch (error) {
          refusals.add(String((error as { readonly code?: unknown }).code));
        }
      }
    };
    const writing = Promise.all(Array.from({ length: LANES }, (_, lane) => write(lane)));
    for (let kill = 0; kill < KILLS; kill += 1) {
      const before = acknowledged.length;
      await until(() => acknowledged.length > before + LANES);
      await delay(Math.random() * 200);
      await server.kill();
      await delay(Math.random() * 500);
      await server.start();
    }
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + LANES);
    stop.abort();
    await writing;
    await until(async () => (await pendingBatches()) === 0);
    // A caller hears that nothing was done, or that it is not known yet; never a word of the database's own.
    for (const code of refusals) expect(['store-unavailable', 'ledger-unavailable', 'overloaded']).toContain(code);
    for (const [at, id] of acknowledged.entries()) {
      const type = at % 2 === 0 ? 'Patient' : 'Observation';
      expect(await place.vault.rows.findResource(type, id)).toBeDefined();
    }
    // A write that was under way may stand without having been acknowledged, but whole, and on the ledger too.
    const { records } = await demandConsistent(place.vault);
    expect(records % 2).toBe(0);
    expect(records).toBeGreaterThanOrEqual(acknowledged.length);
  },
  TIMEOUT_MS,
);

async function pendingBatches(): Promise<number> {
  const batches = place.vault.store.read.selectFrom('batch').select('batchId').where('state', '=', 'pending');
  return (await batches.execute()).length;
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = Date.now() + SETTLED_MS_MAX;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error('it did not come to that in time');
    await delay(20);
  }
}
