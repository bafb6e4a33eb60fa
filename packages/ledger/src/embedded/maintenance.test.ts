import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newPlace, type Place } from '../../test/open-notebook.ts';
import type { SealedHeader } from '../block.ts';
import { sealedHead } from './embedded-ledger.ts';
import { Maintenance } from './maintenance.ts';
import { LedgerStore } from './store.ts';

const COPY_PAGES = 1_024;
/** Four pages and a header: about 200 blocks fill the log once. */
const BODY = 'b'.repeat(4 * 4_096);

let place: Place;
let written: number;

beforeEach(async () => {
  place = newPlace();
  written = 0;
  await (await place.create())[Symbol.asyncDispose]();
});

afterEach(() => place.remove());

/** Writes blocks as the engine does, as far as the log is concerned. */
async function write(store: LedgerStore, maintenance: Maintenance, blocks: number): Promise<number> {
  const head: SealedHeader = sealedHead(store.head()!);
  const first = written + 1;
  written += blocks;
  let largest = 0;
  for (let number = first; number < first + blocks; number += 1) {
    store.commit({ ...head, header: { ...head.header, number } }, [BODY], { current: [], passed: [], refusals: [] });
    maintenance.watchLog(
      () => store.logPages(),
      () => store.copyLog(),
    );
    largest = Math.max(largest, store.logPages().written);
    await nextTurn();
  }
  return largest;
}

describe('the write-ahead log', () => {
  it('is copied back beside the engine and starts anew', async () => {
    using store = LedgerStore.open(place.file);
    await using maintenance = new Maintenance(place.file, COPY_PAGES);
    let largest = 0;
    for (let round = 0; largest <= COPY_PAGES || store.logPages().written >= COPY_PAGES; round += 1) {
      expect(round, 'the log never started anew').toBeLessThan(50);
      largest = Math.max(largest, await write(store, maintenance, 100));
    }
    expect(largest).toBeGreaterThan(COPY_PAGES);
  });

  it('may be in the middle of being copied when the ledger is closed', async () => {
    const store = LedgerStore.open(place.file);
    const maintenance = new Maintenance(place.file, 1);
    await write(store, maintenance, 5);
    await maintenance[Symbol.asyncDispose]();
    store[Symbol.dispose]();
    // An answer that came after the end would touch the closed file here, and fail the run.
    for (let turn = 0; turn < 20; turn += 1) await nextTurn();
    using again = LedgerStore.open(place.file);
    expect(again.header(5)).toBeDefined();
  });
});
