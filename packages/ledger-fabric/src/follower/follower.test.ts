import { canonical } from '@salus/crypto';
import { hashFabricHeader, hashOfHeader, LedgerError } from '@salus/ledger';
import { type Consortium, createConsortium, newPatient } from '@salus/ledger/consortium';
import { readCheckpointFile } from '@salus/ledger/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createTestChannel,
  type FollowerUnderTest,
  installedRuntimes,
  MVCC_READ_CONFLICT,
  newPlace,
  type Place,
  type TestChannel,
  VERSION,
} from '../../test/test-channel.ts';
import { headerFactsOf } from '../block/raw-block.ts';
import type { Runtimes } from './runtimes.ts';

const LIMIT_MS = 60_000;

let channel: TestChannel;
let consortium: Consortium;
let place: Place;
let under: FollowerUnderTest;

beforeEach(async () => {
  channel = await createTestChannel(['hospital-a', 'hospital-b', 'laboratory']);
  consortium = await createConsortium({ network: channel.network, nowMs: () => channel.clock.nowMs });
  for (const call of await consortium.founding()) channel.add({ proposed: await channel.propose([call]) });
  place = newPlace();
  under = await channel.openFollower(place);
});

afterEach(async () => {
  await under[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

const caughtUp = () => under.follower.reach(channel.blocks.length - 1, AbortSignal.timeout(LIMIT_MS));
const limit = () => AbortSignal.timeout(LIMIT_MS);

/** The replica holds what honest peers do, to the byte. */
function expectState(): void {
  const entries = under.follower.range('!', '~', 10_000).map(({ key, value }) => [key, canonical(value)]);
  const peers = [...channel.state].map(([key, value]) => [key, canonical(value)] as const);
  expect(entries).toEqual(peers.sort(([left], [right]) => (left < right ? -1 : 1)));
  expect(entries.length).toBeGreaterThan(5);
}

describe('a follower', () => {
  it('holds the peers’ state, and tells of each call of a transaction where it stands', async () => {
    const patients = [newPatient(), newPatient()];
    const calls = await Promise.all(patients.map((patient) => consortium.register(patient)));
    const claim = await consortium.claim(newPatient());
    const first = await channel.propose([calls[0]!]);
    channel.add({ proposed: first });
    channel.clock.nowMs += 1_234;
    // A repeated call and one whose signer no state knows would leave the transaction before it is endorsed.
    await expect(channel.propose([claim, calls[1]!])).rejects.toThrow('nothing is endorsed');
    const proposed = await channel.propose([calls[1]!, calls[0]!]);
    const waiting = under.follower.awaitTransaction(proposed.txId, limit());
    const { number } = channel.add({ proposed });
    const { outcomes, code, alarm } = await waiting;
    expect({ code, alarm }).toEqual({ code: 0, alarm: undefined });
    expect(outcomes).toEqual([
      {
        kind: 'committed',
        callId: expect.any(String),
        block: number,
        index: 0,
        timestampMs: channel.clock.nowMs,
        result: { pid: patients[1]!.pid },
      },
      {
        kind: 'committed',
        callId: expect.any(String),
        block: number - 1,
        index: 0,
        timestampMs: channel.clock.nowMs - 1_234,
        result: { pid: patients[0]!.pid },
      },
    ]);
    expect(under.follower.findResult(outcomes[0]!.callId!)).toEqual(outcomes[0]);
    expect(under.follower.findResult(outcomes[1]!.callId!)).toEqual(outcomes[1]);
    expectState();
  });

  it('records a refusal that stands beside committed calls', async () => {
    const patient = newPatient();
    channel.add({ proposed: await channel.propose([await consortium.register(patient)]) });
    const again = await consortium.register({ ...newPatient(), pid: patient.pid });
    const proposed = await channel.propose([await consortium.register(newPatient()), again]);
    const waiting = under.follower.awaitTransaction(proposed.txId, limit());
    const { number } = channel.add({ proposed });
    const { outcomes } = await waiting;
    expect(outcomes[1]).toMatchObject({ kind: 'refused', code: 'patient-exists' });
    expect(under.follower.transaction(outcomes[1]!.callId!)).toMatchObject({
      block: number,
      index: 1,
      outcome: { kind: 'refused', code: 'patient-exists' },
    });
  });

  it('gives blocks that are chained by Fabric’s hash and name what ran', async () => {
    const proposed = await channel.propose([await consortium.register(newPatient())]);
    channel.add({ proposed });
    await caughtUp();
    const blocks = channel.blocks.map((_, number) => under.follower.block(number)!);
    expect(blocks.length).toBeGreaterThan(4);
    blocks.forEach(({ header, hash, transactions, signature }, number) => {
      expect(header).toMatchObject({ number, network: channel.network, count: transactions.length });
      expect(hash).toBe(hashOfHeader(header));
      expect(header.previousHash).toBe(blocks[number - 1]?.hash ?? '');
      expect(signature).toBe('');
    });
    expect(blocks[0]!.header.timestampMs).toBe(channel.clock.nowMs);
    expect(blocks.at(-1)).toMatchObject({
      header: {
        version: 'salus:fabric-block:v1',
        fabricTransactions: [
          {
            txId: proposed.txId,
            validationCode: 0,
            creator: 'hospital-a',
            endorsers: ['hospital-a', 'hospital-b'],
            calls: 1,
            contracts: { version: VERSION },
          },
        ],
      },
    });
    expect(under.follower.checkpoint).toMatchObject({ number: blocks.length - 1, hash: blocks.at(-1)!.hash });
    expect(() => under.follower.block(-1)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
    expect(under.follower.block(blocks.length)).toBeUndefined();
  });

  it('leaves the state as it was for what is not valid, and says so to whoever waits', async () => {
    const patient = newPatient();
    const proposed = await channel.propose([await consortium.register(patient)]);
    const waiting = under.follower.awaitTransaction(proposed.txId, limit());
    const { number } = channel.add({ proposed, code: MVCC_READ_CONFLICT });
    expect(await waiting).toEqual({ txId: proposed.txId, block: number, code: MVCC_READ_CONFLICT, outcomes: [] });
    expect(under.follower.peek(`patient/pid/${patient.pid}`)).toBeUndefined();
    expect(under.follower.block(number)).toMatchObject({ header: { count: 0 }, transactions: [] });
    expectState();
  });

  it('lets nobody wait for ever', async () => {
    const waiting = under.follower.awaitTransaction('f'.repeat(64), AbortSignal.timeout(10));
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' });
    const aborted = under.follower.awaitTransaction('f'.repeat(64), AbortSignal.abort(new Error('gone')));
    await expect(aborted).rejects.toThrow('gone');
    const ended = under.follower.awaitTransaction('f'.repeat(64), limit());
    await under[Symbol.asyncDispose]();
    await expect(ended).rejects.toMatchObject({ code: 'stopped' });
    expect(() => under.follower.peek('membership/network')).toThrow(expect.objectContaining({ code: 'stopped' }));
  });

  it('goes on after a restart from where its replica is', async () => {
    channel.add({ proposed: await channel.propose([await consortium.register(newPatient())]) });
    await caughtUp();
    await under[Symbol.asyncDispose]();
    const patient = newPatient();
    const call = await consortium.register(patient);
    channel.add({ proposed: await channel.propose([call]) });
    under = await channel.openFollower(place);
    expect(under.follower.height).toBe(channel.blocks.length - 1);
    expect(under.follower.history(`patient/pid/${patient.pid}`, { limit: 2 })).toMatchObject([
      { block: channel.blocks.length - 1, index: 0, timestampMs: channel.clock.nowMs, value: { pid: patient.pid } },
    ]);
    expect(under.follower.organisations).toEqual(['hospital-a', 'hospital-b', 'laboratory']);
    expectState();
  });

  it('tells its listeners of each block in order, until they end it', async () => {
    const seen: [block: number, transactions: number][] = [];
    const end = under.follower.onApplied(({ header }, transactions) => seen.push([header.number, transactions.length]));
    const first = channel.blocks.length;
    for (let step = 0; step < 3; step += 1) {
      if (step === 2) {
        await caughtUp();
        end();
      }
      channel.add({ proposed: await channel.propose([await consortium.register(newPatient())]) });
    }
    await caughtUp();
    expect(seen).toEqual([
      [first, 1],
      [first + 1, 1],
    ]);
  });
});

describe('contracts that are not installed', () => {
  it('stop the follower before what they ran, and nothing is read until they are there', async () => {
    const next = VERSION.replace('1.0.0', '1.1.0');
    await under[Symbol.asyncDispose]();
    const without: Runtimes = {
      find: (version) => {
        if (version === next) throw new LedgerError('contracts-unknown', 'the bundle is not installed');
        return installedRuntimes.find(version);
      },
    };
    under = await channel.openFollower(place, { runtimes: without });
    channel.define(next);
    await caughtUp();
    // The agreement alone changes nothing.
    expect(under.follower.failure).toBeUndefined();
    const proposed = await channel.propose([await consortium.register(newPatient())], { version: next });
    const waiting = under.follower.awaitTransaction(proposed.txId, limit());
    channel.add({ proposed });
    await expect(waiting).rejects.toMatchObject({ code: 'contracts-unknown' });
    expect(under.follower.failure).toMatchObject({ code: 'contracts-unknown' });
    expect(under.follower.height).toBe(channel.blocks.length - 2);
    for (const read of [
      () => under.follower.peek('membership/network'),
      () => under.follower.range('!', '~', 1),
      () => under.follower.history('membership/network', { limit: 1 }),
    ]) {
      expect(read).toThrow(expect.objectContaining({ code: 'contracts-unknown' }));
    }
    await under[Symbol.asyncDispose]();
    await expect(channel.openFollower(place, { runtimes: without })).rejects.toMatchObject({
      code: 'contracts-unknown',
    });
    under = await channel.openFollower(place);
    expect(under.follower.height).toBe(channel.blocks.length - 1);
    expect(under.alarms).toEqual([]);
    expectState();
  });
});

describe('checkpoints', () => {
  it('tell of a peer that has lost blocks, until it has them again', async () => {
    for (let step = 0; step < 3; step += 1) {
      channel.add({ proposed: await channel.propose([await consortium.register(newPatient())]) });
    }
    await caughtUp();
    const head = under.follower.checkpoint;
    await under[Symbol.asyncDispose]();
    using other = newPlace();
    const lost = channel.blocks.splice(-2);
    // The replica is gone, too: what vouches for its blocks lies outside of the data directory.
    const moved = { ...other, checkpointFile: place.checkpointFile };
    under = await channel.openFollower(moved);
    const from = under.follower.height + 1;
    expect(under.follower.rollbackNeeded).toEqual({ from: expect.any(Number), to: from + 1, hash: head.hash });
    // The blocks on the way do not push out what the file vouches for.
    expect(readCheckpointFile(place.checkpointFile).at(-1)?.checkpoint).toEqual(head);
    channel.give(lost[0]!);
    await caughtUp();
    expect(under.follower.rollbackNeeded).toBeDefined();
    channel.give(lost[1]!);
    await caughtUp();
    expect(under.follower.rollbackNeeded).toBeUndefined();
    expect(under.follower.checkpoint).toEqual(head);
    await under[Symbol.asyncDispose]();
  });

  it('tell of a channel that went on differently, until a rollback names the lost blocks', async () => {
    const { administrator } = consortium;
    channel.add({ proposed: await channel.propose([await consortium.register(newPatient())]) });
    await caughtUp();
    await under[Symbol.asyncDispose]();
    const [known] = channel.blocks.splice(-1);
    channel.add({ proposed: await channel.propose([await consortium.register(newPatient())]) });
    using other = newPlace();
    under = await channel.openFollower({ ...other, checkpointFile: place.checkpointFile });
    const lost = under.follower.rollbackNeeded!;
    expect(lost).toMatchObject({ to: known!.number, hash: hashFabricHeader(headerFactsOf(known!)) });
    const args = { from: lost.from, to: lost.to, hash: lost.hash };
    const rollback = await consortium.sign({ transaction: 'access.rollback', args, by: administrator });
    channel.add({ proposed: await channel.propose([rollback]) });
    await caughtUp();
    expect(under.follower.rollbackNeeded).toBeUndefined();
    await under[Symbol.asyncDispose]();
  });

  it('of another network are refused', async () => {
    const stranger = await createTestChannel(['hospital-a', 'hospital-b']);
    using other = newPlace();
    await expect(stranger.openFollower({ ...other, checkpointFile: place.checkpointFile })).rejects.toMatchObject({
      code: 'bad-checkpoint-file',
    });
    await under[Symbol.asyncDispose]();
    await expect(stranger.openFollower(place)).rejects.toMatchObject({ code: 'not-a-ledger' });
  });
});
