import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LedgerError } from '@salus/ledger';
import { type Consortium, createConsortium, newPatient } from '@salus/ledger/consortium';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FabricPlace, openFabricPlace } from '../../test/fabric-place.ts';
import type { RawBlock } from '../block/raw-block.ts';
import { readFabricConnection } from '../connection-file.ts';
import type { Alarm } from './alarm.ts';
import { type BlockSource, openPeerBlocks } from './block-source.ts';
import { openFollower } from './open-follower.ts';

const binaries = fabricBinaries();
const BASE_PORT = 25_200;
const SETUP_MS = 300_000;
const LIMIT_MS = 90_000;

describe.skipIf(binaries === undefined)('a follower of a real peer', () => {
  let network: TestNetwork;
  let own: FabricPlace;
  let other: FabricPlace;
  let consortium: Consortium;

  beforeAll(async () => {
    network = await startTestNetwork({ binaries: binaries!, basePort: BASE_PORT });
    own = await openFabricPlace(network, 'hospital-a');
    other = await openFabricPlace(network, 'hospital-b');
    consortium = await createConsortium({ network: own.network, nowMs: Date.now });
    for (const { call } of await consortium.founding()) await own.ledger().submit(call);
  }, SETUP_MS);

  afterAll(async () => {
    await own?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
    await network?.stop();
  }, SETUP_MS);

  const register = async (place: FabricPlace): Promise<number> => {
    const result = await place.ledger().submit((await consortium.register(newPatient())).call);
    if (result.kind !== 'committed') throw new Error(`expected a committed call, not ${result.code}`);
    return result.block;
  };

  it(
    'reads on while its peer is down, and then has every block without a gap',
    async () => {
      await register(own);
      const height = await own.ledger().height();
      await expect.poll(() => other.ledger().height(), { timeout: LIMIT_MS }).toBe(height);
      await network.kill('hospital-b-peer0');
      // hospital-a and laboratory go on.
      const last = Math.max(await register(own), await register(own));
      expect(last).toBeGreaterThan(height);
      expect(await other.ledger().height()).toBe(height);
      expect(await other.ledger().get('membership/network')).toMatchObject({ founder: 'hospital-a' });
      await network.restart('hospital-b-peer0');
      await expect.poll(() => other.ledger().height(), { timeout: LIMIT_MS }).toBe(await own.ledger().height());
      for (let number = 0; number <= last; number += 1) {
        const [mine, theirs] = [await own.ledger().block(number), await other.ledger().block(number)];
        expect(theirs).toEqual(mine);
      }
      expect([...own.ledger().alarms(), ...other.ledger().alarms()]).toEqual([]);
    },
    SETUP_MS,
  );

  it(
    'refuses to open without the bundle of contracts that the channel ran',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'salus-no-bundle-'));
      const opening = openFollower({
        connection: { ...readFabricConnection(network.connectionFile('laboratory')), bundles: folder },
        file: join(folder, 'replica.db'),
        checkpointFile: join(folder, 'outside', 'checkpoint'),
        checkpointSigners: () => [],
      });
      await expect(opening).rejects.toMatchObject({ code: 'contracts-unknown' });
      rmSync(folder, { recursive: true });
    },
    SETUP_MS,
  );

  it(
    'says that the peer forbids it, where its identity is of another organisation',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'salus-stranger-'));
      const { identity } = readFabricConnection(network.connectionFile('hospital-b'));
      const opening = openFollower({
        connection: { ...readFabricConnection(network.connectionFile('hospital-a')), identity },
        file: join(folder, 'replica.db'),
        checkpointFile: join(folder, 'outside', 'checkpoint'),
        checkpointSigners: () => [],
        answerTimeoutMs: 1_000,
      });
      await expect(opening).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('FORBIDDEN') as string,
      });
      rmSync(folder, { recursive: true });
    },
    SETUP_MS,
  );

  it(
    'refuses its blocks when one byte of them is another',
    async () => {
      const blocks = await record(network, await own.ledger().height());
      expect(blocks.length).toBeGreaterThan(5);
      const clean = await followRecorded(network, blocks);
      expect(clean).toEqual({ height: blocks.length - 1, alarms: [] });
      let flips = 0;
      for (const [number, block] of blocks.entries()) {
        if (number === 0) continue;
        for (const change of changesOf(block)) {
          flips += 1;
          const changed = blocks.with(number, change);
          const { height, alarms } = await followRecorded(network, changed.slice(0, number + 1));
          expect(height, `block ${number}`).toBe(number - 1);
          expect(alarms, `block ${number}`).toMatchObject([{ block: number, txId: null, keys: [] }]);
        }
      }
      expect(flips).toBe(5 * (blocks.length - 1));
    },
    SETUP_MS,
  );
});

/** The channel's blocks as the own peer gives them. */
async function record(network: TestNetwork, height: number): Promise<readonly RawBlock[]> {
  using source = openPeerBlocks(readFabricConnection(network.connectionFile('hospital-a')));
  const stop = new AbortController();
  const blocks: RawBlock[] = [];
  for await (const block of source.blocks(0, stop.signal)) {
    blocks.push(block);
    if (block.number === height) break;
  }
  return blocks;
}

/** The block with one byte changed in each of its parts. */
function changesOf(block: RawBlock): readonly RawBlock[] {
  const at = block.number;
  return [
    { ...block, envelopes: block.envelopes.with(0, flipped(block.envelopes[0]!, at * 37)) },
    { ...block, dataHash: flipped(block.dataHash, at) },
    { ...block, previousHash: flipped(block.previousHash, at) },
    { ...block, validationCodes: flipped(block.validationCodes, 0) },
    { ...block, commitHash: flipped(block.commitHash, at) },
  ];
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at % copy.length]! ^= 0x10;
  return copy;
}

/** How far a new replica gets with these blocks. */
async function followRecorded(
  network: TestNetwork,
  blocks: readonly RawBlock[],
): Promise<{ readonly height: number; readonly alarms: readonly Alarm[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'salus-recorded-'));
  const alarms: Alarm[] = [];
  const ended = new AbortController();
  const source: BlockSource = {
    async *blocks(from) {
      for (const block of blocks.slice(from)) yield block;
      throw new LedgerError('unavailable', 'there are no more blocks');
    },
    leave: () => ended.abort(),
    newest: async () => 0,
    [Symbol.dispose]: () => {},
  };
  await using follower = await openFollower({
    connection: readFabricConnection(network.connectionFile('hospital-a')),
    file: join(folder, 'replica.db'),
    checkpointFile: join(folder, 'outside', 'checkpoint'),
    checkpointSigners: () => [],
    onAlarm: (alarm) => alarms.push(alarm),
    source,
  });
  try {
    const limit = AbortSignal.any([ended.signal, AbortSignal.timeout(LIMIT_MS)]);
    await follower.reach(blocks.length - 1, limit).catch(() => undefined);
    return { height: follower.height, alarms };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
