import { LedgerError } from '@salus/ledger';
import { newPatient } from '@salus/ledger/consortium';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AlarmStory, LIMIT_MS } from '../../test/alarm-story.ts';
import type { BlockSource } from './block-source.ts';

/** Longer than a machine that is busy stands still. */
const STALE_MS = 3_000;
const NEWER = 'membership/network';

let story: AlarmStory;
/** Whether the peer can be reached. */
let isUp: boolean;
let cut: AbortController;

beforeEach(async () => {
  story = await AlarmStory.open();
  isUp = true;
  cut = new AbortController();
  await story.reopen({ staleMaxMs: STALE_MS, through });
});

afterEach(() => story[Symbol.asyncDispose]());

function through(own: BlockSource): BlockSource {
  const requireUp = (): void => {
    if (!isUp) throw new LedgerError('unavailable', 'the peer is down');
  };
  return {
    async *blocks(fromBlock, signal) {
      requireUp();
      yield* own.blocks(fromBlock, AbortSignal.any([signal, cut.signal]));
      requireUp();
    },
    newest: async () => {
      requireUp();
      return own.newest();
    },
    leave: () => own.leave(),
    [Symbol.dispose]: () => own[Symbol.dispose](),
  };
}

function stopPeer(): void {
  isUp = false;
  cut.abort();
  cut = new AbortController();
}

const code = (): string => {
  try {
    story.under.follower.peek(NEWER);
    return 'read';
  } catch (error) {
    return error instanceof LedgerError ? error.code : 'other';
  }
};

describe('what was verified', () => {
  it('is read on while the peer’s stream is open and nothing happens', async () => {
    await expect.poll(code, { timeout: LIMIT_MS }).toBe('read');
    await new Promise((resolve) => setTimeout(resolve, 2 * STALE_MS));
    await expect.poll(code, { timeout: LIMIT_MS }).toBe('read');
  });

  it('is not read any more when the peer is lost for longer than the bound, until it answers again', async () => {
    await expect.poll(code, { timeout: LIMIT_MS }).toBe('read');
    stopPeer();
    expect(code()).toBe('read');
    await expect.poll(code, { timeout: LIMIT_MS }).toBe('unavailable');
    const { follower } = story.under;
    const unavailable = expect.objectContaining({ code: 'unavailable' });
    expect(() => follower.range('!', '~', 1)).toThrow(unavailable);
    expect(() => follower.history(NEWER, { limit: 1 })).toThrow(unavailable);
    expect(() => follower.findResult('none')).toThrow(unavailable);
    expect(follower.failure).toBeUndefined();
    isUp = true;
    // No block comes, and the peer’s height tells that none is missing.
    await expect.poll(code, { timeout: LIMIT_MS }).toBe('read');
  });

  it('is not read while a block stands that is none of the channel, until the right one is applied', async () => {
    const patient = newPatient();
    const { channel, under } = story;
    const honest = channel.make({ proposed: await channel.propose([await story.consortium.register(patient)]) });
    channel.give({ ...honest, commitHash: Buffer.alloc(32) });
    await expect.poll(code, { timeout: LIMIT_MS }).toBe('unavailable');
    channel.blocks[honest.number] = honest;
    await under.follower.reach(honest.number, AbortSignal.timeout(LIMIT_MS));
    expect(under.follower.peek(`patient/pid/${patient.pid}`)).toMatchObject({ pid: patient.pid });
  });
});
