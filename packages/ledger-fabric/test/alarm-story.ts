import { canonical } from '@salus/crypto';
import { type Consortium, createConsortium, newPatient, type Patient } from '@salus/ledger/consortium';
import { expect } from 'vitest';
import type { AlarmCode } from '../src/follower/alarm.ts';
import { claimedPatient, keysOf } from './doctored.ts';
import type { Proposed } from './envelopes.ts';
import type { Machine } from './machines.ts';
import {
  createTestChannel,
  type FollowerMore,
  type FollowerUnderTest,
  newPlace,
  type Place,
  type TestChannel,
} from './test-channel.ts';

export const LIMIT_MS = 60_000;
/** The order of the organisations in the channel: the records' own one first. */
export const [KEEPER, OTHER, THIRD] = [0, 1, 2];

/** A channel of three organisations with a claimed patient of the first, and a follower of it. */
export class AlarmStory implements AsyncDisposable {
  readonly channel: TestChannel;
  readonly consortium: Consortium;
  readonly patient: Patient;
  readonly #place: Place;
  under: FollowerUnderTest;

  private constructor(
    story: { readonly channel: TestChannel; readonly consortium: Consortium; readonly patient: Patient },
    place: Place,
    under: FollowerUnderTest,
  ) {
    this.channel = story.channel;
    this.consortium = story.consortium;
    this.patient = story.patient;
    this.#place = place;
    this.under = under;
  }

  static async open(): Promise<AlarmStory> {
    const channel = await createTestChannel(['hospital-a', 'hospital-b', 'laboratory']);
    const consortium = await createConsortium({ network: channel.network, nowMs: () => channel.clock.nowMs });
    for (const call of await consortium.founding()) channel.add({ proposed: await channel.propose([call]) });
    const patient = await claimedPatient(channel, consortium);
    const place = newPlace();
    return new AlarmStory({ channel, consortium, patient }, place, await channel.openFollower(place));
  }

  /** Ends the follower and opens another on the same replica. */
  async reopen(more: FollowerMore = {}): Promise<void> {
    await this.under[Symbol.asyncDispose]();
    this.under = await this.channel.openFollower(this.#place, more);
  }

  /** The follower has applied all blocks of the channel. */
  async caughtUp(): Promise<void> {
    await this.under.follower.reach(this.channel.blocks.length - 1, AbortSignal.timeout(LIMIT_MS));
  }

  peerOf(organisation: number): Machine {
    return this.channel.organisations[organisation]!.peer;
  }

  /** A new patient's registration as honest endorsers answer it. */
  async register(more: Partial<Proposed> = {}): Promise<Proposed> {
    return this.channel.propose([await this.consortium.register(newPatient())], more);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.under[Symbol.asyncDispose]();
    this.#place[Symbol.dispose]();
  }
}

/** Adds a doctored transaction and expects this alarm over it, distrust of exactly its keys, and the state of the peers. */
export async function expectAlarm(story: AlarmStory, code: AlarmCode, proposed: Proposed): Promise<void> {
  const { channel, under } = story;
  const { follower } = under;
  const keys = keysOf(proposed);
  expect(keys.length).toBeGreaterThan(0);
  const waiting = follower.awaitTransaction(proposed.txId, AbortSignal.timeout(LIMIT_MS));
  const { number } = channel.add({ proposed });
  expect(await waiting).toEqual({ txId: proposed.txId, block: number, code: 0, alarm: code, outcomes: [] });
  expect(under.alarms).toEqual([{ block: number, txId: proposed.txId, code, keys, detail: expect.any(String) }]);
  expect(follower.alarms).toEqual(under.alarms);
  for (const key of keys) expectDistrusted(story, key);
  let others = 0;
  for (const [key, value] of channel.state) {
    if (keys.includes(key)) continue;
    expect(canonical(follower.peek(key)!)).toBe(canonical(value));
    others += 1;
  }
  expect(others).toBeGreaterThan(5);
  // Nothing of it stands among the block's transactions, and the block says why.
  expect(follower.block(number)).toMatchObject({
    header: { count: 0, fabricTransactions: [{ txId: proposed.txId, alarm: code, calls: 0 }] },
    transactions: [],
  });
}

/** No read touches the key. */
export function expectDistrusted({ under: { follower } }: AlarmStory, key: string): void {
  const distrusted = expect.objectContaining({ code: 'distrusted' });
  expect(() => follower.peek(key), key).toThrow(distrusted);
  expect(() => follower.history(key, { limit: 1 }), key).toThrow(distrusted);
  expect(() => follower.range(key, `${key}!`, 1), key).toThrow(distrusted);
}
