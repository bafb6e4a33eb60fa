import { hash } from 'node:crypto';
import { type Consortium, createConsortium, newPatient } from '@salus/ledger/consortium';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createTestChannel,
  type FollowerUnderTest,
  newPlace,
  type Place,
  type TestChannel,
} from '../../test/test-channel.ts';
import type { RawBlock } from '../block/raw-block.ts';
import type { AlarmCode } from './alarm.ts';

const LIMIT_MS = 60_000;

let channel: TestChannel;
let consortium: Consortium;
let place: Place;
let under: FollowerUnderTest;

beforeEach(async () => {
  channel = await createTestChannel(['hospital-a', 'hospital-b']);
  consortium = await createConsortium({ network: channel.network, nowMs: () => channel.clock.nowMs });
  for (const call of await consortium.founding()) channel.add({ proposed: await channel.propose([call]) });
  place = newPlace();
  under = await channel.openFollower(place);
});

afterEach(async () => {
  await under[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

/** The peer gives a changed block, is told of once, and is followed again when it gives the right one. */
async function expectFault(code: AlarmCode, change: (block: RawBlock) => RawBlock): Promise<void> {
  const patient = newPatient();
  const honest = channel.make({ proposed: await channel.propose([await consortium.register(patient)]) });
  const { number } = honest;
  channel.give(change(honest));
  await expect.poll(() => under.alarms.length, { timeout: LIMIT_MS }).toBe(1);
  expect(under.alarms).toEqual([{ block: number, txId: null, code, keys: [], detail: expect.any(String) }]);
  expect(under.follower.height).toBe(number - 1);
  expect(under.follower.failure).toBeUndefined();
  // What was verified before stays readable, and nothing of the block is.
  expect(under.follower.peek('membership/network')).toBeDefined();
  expect(under.follower.peek(`patient/pid/${patient.pid}`)).toBeUndefined();
  channel.blocks[number] = honest;
  await under.follower.reach(number, AbortSignal.timeout(LIMIT_MS));
  expect(under.alarms.length).toBe(1);
  expect(under.follower.peek(`patient/pid/${patient.pid}`)).toMatchObject({ pid: patient.pid });
}

const flipped = (bytes: Uint8Array, at = 0): Uint8Array => {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  return copy;
};

describe('a block that is none of the channel', () => {
  it('is not applied when it does not follow the one before', async () => {
    await expectFault('broken-chain', (block) => ({ ...block, previousHash: flipped(block.previousHash) }));
  });

  it('is not applied when it has another number', async () => {
    const honest = channel.make({ proposed: await channel.propose([await consortium.register(newPatient())]) });
    channel.give({ ...honest, number: honest.number + 1 });
    await expect.poll(() => under.alarms.length, { timeout: LIMIT_MS }).toBe(1);
    expect(under.alarms).toMatchObject([{ block: honest.number + 1, code: 'broken-chain' }]);
  });

  it('is not applied when a transaction was changed', async () => {
    await expectFault('data-hash', (block) => ({ ...block, envelopes: [flipped(block.envelopes[0]!, 200)] }));
  });

  it('is not applied when a transaction was taken away', async () => {
    await expectFault('data-hash', (block) => ({ ...block, envelopes: [], validationCodes: new Uint8Array() }));
  });

  it('is not applied when a validation code is missing', async () => {
    await expectFault('validation-codes', (block) => ({ ...block, validationCodes: new Uint8Array() }));
  });

  it('is not applied when the peer’s validation code was changed', async () => {
    await expectFault('commit-hash', (block) => ({ ...block, validationCodes: Uint8Array.of(11) }));
  });

  it('is not applied when the peer’s commit hash is of other updates, or absent', async () => {
    await expectFault('commit-hash', (block) => ({ ...block, commitHash: flipped(block.commitHash) }));
  });

  it('is not applied without a commit hash', async () => {
    await expectFault('commit-hash', (block) => ({ ...block, commitHash: new Uint8Array() }));
  });

  it('is not applied when a valid transaction is no message of its kind', async () => {
    await expectFault('bad-block', (block) => {
      const envelopes = [Uint8Array.of(10, 3, 1, 2, 3)];
      return { ...block, envelopes, dataHash: hash('sha256', Buffer.concat(envelopes), 'buffer') };
    });
  });
});

describe('the first block', () => {
  it('must be number 0 and bring the configuration', async () => {
    using other = newPlace();
    const [, first] = channel.blocks;
    channel.blocks[0] = first!;
    await expect(channel.openFollower(other)).rejects.toMatchObject({ code: 'bad-block' });
  });
});
