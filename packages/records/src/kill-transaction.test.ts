import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openLedgerState } from '@salus/ledger';
import { scaled } from '@salus/testing';
import { afterAll, expect, test } from 'vitest';
import { demandConsistent } from '../test/consistency.ts';
import { makePlace, type Place } from '../test/place.ts';
import type { Together } from '../test/together.ts';
import { startWriting } from '../test/writing.ts';
import { BundleWorkers } from './bundle-workers.ts';
import { verifyRecords } from './verify/verify-records.ts';

const workers = new BundleWorkers(1);
afterAll(() => workers[Symbol.asyncDispose]());

const PROGRAM = fileURLToPath(new URL('../test/transacting-process.ts', import.meta.url));
const KILLS = scaled(3, 50);
/** Kills of one place: all of its records are verified and opened after each of them. */
const KILLS_OF_A_PLACE = 10;
/** Of the transactions that no answer came for, one for each that the process had under way. */
const UNDER_WAY = 2;

type Acknowledged = Together & { readonly count: number };

interface Seen {
  readonly acknowledged: number;
  readonly unacknowledged: number;
}

test(`a transaction that deletes, updates, patches and creates is there whole or not at all after each of ${KILLS} kills`, async () => {
  const seen: Seen[] = [];
  for (let killed = 0; killed < KILLS; killed += KILLS_OF_A_PLACE) {
    seen.push(await killOnePlace(killed, Math.min(killed + KILLS_OF_A_PLACE, KILLS)));
  }
  const acknowledged = seen.reduce((sum, one) => sum + one.acknowledged, 0);
  const unacknowledged = seen.reduce((sum, one) => sum + one.unacknowledged, 0);
  expect(acknowledged).toBeGreaterThanOrEqual(KILLS);
  expect(unacknowledged).toBeLessThanOrEqual(KILLS * UNDER_WAY);
  console.log(
    `${KILLS} kills: ${acknowledged} transactions acknowledged, ${unacknowledged} more committed without an answer`,
  );
}, 1_800_000);

async function killOnePlace(from: number, to: number): Promise<Seen> {
  const place = await makePlace({ workers });
  const isOnServer = place.database.postgres !== undefined;
  try {
    let seen = 0;
    let unacknowledged = 0;
    for (let run = from; run < to; run += 1) {
      await place.close();
      const writing = await startWriting(place, run, PROGRAM);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
      const ended = once(writing.child, 'exit');
      writing.child.kill('SIGKILL');
      await ended;
      if (!isOnServer) expect(await findingsIn(place)).toEqual([]);
      await place.open();
      // Opening every record on a server costs more than the kill.
      if (!isOnServer || run === to - 1) await demandConsistent(place.vault);
      const acknowledged = writing.acknowledged.map((line) => JSON.parse(line) as Acknowledged);
      seen += acknowledged.length;
      for (const lane of Map.groupBy(acknowledged, ({ left }) => left).values()) {
        unacknowledged += await demandTogether(place, lane.at(-1)!);
      }
    }
    return { acknowledged: seen, unacknowledged };
  } finally {
    await place.remove();
  }
}

/** What verification finds in the files as the kill left them. */
async function findingsIn(place: Place) {
  using ledger = openLedgerState(join(place.directory, 'ledger.sqlite'));
  const directory = join(place.directory, 'hospital-a');
  return (await verifyRecords({ directory, organisation: 'hospital-a', ledger })).findings;
}

/** Both practitioners and the place that is there have one number, the acknowledged one or the next; tells how many more. */
async function demandTogether({ vault, writer }: Place, { left, right, place, count }: Acknowledged): Promise<number> {
  const caller = await writer();
  const { repository } = vault;
  const versionOf = async (id: string): Promise<number> => {
    const read = await repository.read(caller, 'Practitioner', id);
    if (read.kind !== 'found') throw new Error(`an acknowledged resource is ${read.kind}`);
    const { name } = JSON.parse(read.text) as { readonly name: readonly [{ readonly text: string }] };
    const number = Number(name[0].text.split(' ')[1]);
    expect(Number(read.versionId)).toBe(number + 1);
    return number;
  };
  const number = await versionOf(left);
  expect(await versionOf(right)).toBe(number);
  expect([count, count + 1]).toContain(number);
  const last = await repository.read(caller, 'Location', place);
  expect(last.kind).toBe(number === count ? 'found' : 'gone');
  return number - count;
}
