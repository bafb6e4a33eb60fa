import { DatabaseSync } from 'node:sqlite';
import type { Json } from '@salus/contracts';
import { canonical, leafHash, merkleRoot, toBase64url, utf8 } from '@salus/crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newWriter } from '../../test/notebook.ts';
import { newPlace, type Place } from '../../test/open-notebook.ts';
import type { EmbeddedBlockHeader, StateRoot } from '../block.ts';
import type { Ledger } from '../ledger.ts';
import { verifyLedger } from '../verify/verify.ts';
import { stateRootAt } from './state-root.ts';

const runtimeModule = new URL('../../test/notebook-runtime.ts', import.meta.url).href;
let place: Place;

beforeEach(() => {
  place = newPlace();
});

afterEach(() => place.remove());

/** The root over the state after block `upTo`, from the write sets of the blocks alone. */
async function rootFromBlocks(ledger: Ledger, upTo: number): Promise<string> {
  const state = new Map<string, Json>();
  for (let number = 0; number <= upTo; number += 1) {
    for (const { outcome } of (await ledger.block(number))!.transactions) {
      if (outcome.kind !== 'committed') continue;
      for (const [key, value] of outcome.writes) {
        if (value === null) state.delete(key);
        else state.set(key, value);
      }
    }
  }
  const leaves = [...state.keys()].sort().map((key) => leafHash(utf8(canonical([key, state.get(key)!]))));
  return toBase64url(merkleRoot(leaves));
}

async function write(ledger: Ledger, blocks: number): Promise<void> {
  const writer = newWriter();
  await ledger.submit(await writer.enrol());
  for (let block = 1; block < blocks; block += 1) {
    const doomed = block % 3 === 0 ? null : block;
    await ledger.submit(
      await writer.write([
        [`page/${block}`, { block }],
        ['hot', block],
        ['doomed', doomed],
      ]),
    );
  }
}

describe('the state root', () => {
  it('is that of the sorted state as it was after any block', async () => {
    await using ledger = await place.create();
    await write(ledger, 12);
    using database = new DatabaseSync(place.file, { readOnly: true });
    const roots = new Set<string>();
    for (let number = 0; number <= 12; number += 1) {
      const root = stateRootAt(database, number);
      expect(root, `block ${number}`).toBe(await rootFromBlocks(ledger, number));
      roots.add(root);
    }
    expect(roots.size).toBe(13);
  });

  it('stands in a later header once its block is behind, and verifies', async () => {
    {
      await using ledger = await place.create({ stateRootInterval: 10 });
      await write(ledger, 10);
      // It is computed beside the ledger: some block after the tenth names it.
      const writer = newWriter();
      await ledger.submit(await writer.enrol());
      let named: unknown;
      for (let attempt = 0; named === undefined && attempt < 500; attempt += 1) {
        await ledger.submit(await writer.write([['later', attempt]]));
        named = await namedRoot(ledger);
      }
      expect(named).toEqual({ number: 10, root: await rootFromBlocks(ledger, 10) });
    }
    expect((await verifyLedger(place.file, { runtimeModule })).findings).toEqual([]);
  });

  it('is made up for after a restart that came too early', async () => {
    {
      await using ledger = await place.create();
      await write(ledger, 12);
    }
    await using ledger = await place.open({ stateRootInterval: 5 });
    const writer = newWriter();
    await ledger.submit(await writer.enrol());
    let named: unknown;
    for (let attempt = 0; named === undefined && attempt < 500; attempt += 1) {
      await ledger.submit(await writer.write([['later', attempt]]));
      named = await namedRoot(ledger);
    }
    expect(named).toEqual({ number: 10, root: await rootFromBlocks(ledger, 10) });
  });
});

async function namedRoot(ledger: Ledger): Promise<StateRoot | undefined> {
  const block = await ledger.block(await ledger.height());
  return (block!.header as EmbeddedBlockHeader).stateRoot;
}
