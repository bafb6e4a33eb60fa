import { describe, expect, it } from 'vitest';
import { GATHERED_BYTES_MAX, GATHERED_CALLS_MAX, PRIVATE_BYTES_MAX } from '../wire.ts';
import { CallGatherer, QUEUE_BYTES_MAX, QUEUE_CALLS_MAX } from './call-gatherer.ts';
import type { PendingCall } from './pending-call.ts';

let counter = 0;

function pending(given: Partial<PendingCall> = {}): PendingCall {
  counter += 1;
  return {
    call: {} as never,
    callId: `call-${counter}`,
    sizeBytes: 500,
    privateArgs: undefined,
    privateBytes: 0,
    sameness: '',
    tags: [],
    deadlineMs: 0,
    resolve: () => undefined,
    reject: () => undefined,
    ...given,
  };
}

function gatherer(calls: readonly PendingCall[], callsMax = GATHERED_CALLS_MAX): CallGatherer {
  const made = new CallGatherer(callsMax);
  for (const call of calls) made.push(call);
  return made;
}

describe('gathering calls', () => {
  it('gives them in order, at most as many as one transaction takes', () => {
    const calls = Array.from({ length: 1_200 }, () => pending());
    const gathered = gatherer(calls, 10_000);
    const sizes: number[] = [];
    const given: PendingCall[] = [];
    for (let batch = gathered.take(); batch.length > 0; batch = gathered.take()) {
      sizes.push(batch.length);
      given.push(...batch);
    }
    expect(sizes).toEqual([500, 500, 200]);
    expect(given).toEqual(calls);
    expect(gathered.length).toBe(0);
  });

  it('stays within the bytes of an argument and of the private values', () => {
    const large = () => pending({ sizeBytes: GATHERED_BYTES_MAX / 2 - 1_000 });
    expect(gatherer([large(), large(), large()]).take().length).toBe(2);
    const secret = () => pending({ privateBytes: PRIVATE_BYTES_MAX / 2 - 1_000 });
    expect(gatherer([secret(), secret(), secret()]).take().length).toBe(2);
  });

  it('puts calls that share a tag into one transaction or one after the other, in their order', () => {
    const [first, other, second, third] = [
      pending({ tags: ['pid-1'] }),
      pending(),
      pending({ tags: ['pid-1', 'pid-2'] }),
      pending({ tags: ['pid-2'] }),
    ];
    const together = gatherer([first, other, second, third]);
    expect(together.take()).toEqual([first, other, second, third]);
    const apart = gatherer([first], 10);
    const taken = apart.take();
    for (const call of [second, other, third]) apart.push(call);
    // The third shares nothing with what is on its way, but came after the second.
    expect(apart.take()).toEqual([other]);
    expect(apart.take()).toEqual([]);
    apart.release(taken);
    expect(apart.take()).toEqual([second, third]);
  });

  it('never puts one call twice into a transaction', () => {
    const first = pending();
    const again = pending({ callId: first.callId });
    const gathered = gatherer([first, again]);
    expect(gathered.take()).toEqual([first]);
    expect(gathered.take()).toEqual([again]);
  });

  it('is full at its bounds of calls and of bytes', () => {
    const gathered = gatherer(Array.from({ length: QUEUE_CALLS_MAX - 1 }, () => pending()));
    expect(gathered.isFull).toBe(false);
    gathered.push(pending());
    expect(gathered.isFull).toBe(true);
    expect(gathered.drain().length).toBe(QUEUE_CALLS_MAX);
    expect(gathered.isFull).toBe(false);
    gathered.push(pending({ sizeBytes: QUEUE_BYTES_MAX }));
    expect(gathered.isFull).toBe(true);
  });
});
