import { GATHERED_BYTES_MAX, GATHERED_CALLS_MAX, PRIVATE_BYTES_MAX } from '../wire.ts';
import type { PendingCall } from './pending-call.ts';

/** Calls, and bytes of their texts, that may wait; beyond it `overloaded`. */
export const QUEUE_CALLS_MAX = 10_000;
export const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** Name, version and brackets around the calls of an argument, and around all private values. */
const FRAME_BYTES = 100;

/**
 * Calls in the order in which they came, until a Fabric transaction takes them. Calls that share a tag keep their order, and are
 * never in two transactions at the same time: each would read what the other writes, and one of them be invalid.
 */
export class CallGatherer {
  readonly #callsMax: number;
  readonly #held = new Set<string>();
  #waiting: PendingCall[] = [];
  #bytes = 0;

  constructor(callsMax: number) {
    this.#callsMax = Math.min(callsMax, GATHERED_CALLS_MAX);
  }

  get length(): number {
    return this.#waiting.length;
  }

  get isFull(): boolean {
    return this.#waiting.length >= QUEUE_CALLS_MAX || this.#bytes >= QUEUE_BYTES_MAX;
  }

  push(call: PendingCall): void {
    this.#waiting.push(call);
    this.#bytes += sizeOf(call);
  }

  /** The calls of the next transaction; none when all that wait share tags with one on its way. `release` them afterwards. */
  take(): readonly PendingCall[] {
    const batch = new Batch(this.#callsMax);
    const left: PendingCall[] = [];
    const blocked = new Set<string>();
    let at = 0;
    for (; at < this.#waiting.length && !batch.isFull; at += 1) {
      const call = this.#waiting[at]!;
      const isFree = call.tags.every((tag) => !this.#held.has(tag) && !blocked.has(tag));
      if (isFree && batch.add(call)) continue;
      // Those behind it that share a tag wait with it.
      for (const tag of call.tags) blocked.add(tag);
      left.push(call);
    }
    for (const call of batch.calls) {
      for (const tag of call.tags) this.#held.add(tag);
      this.#bytes -= sizeOf(call);
    }
    this.#waiting = [...left, ...this.#waiting.slice(at)];
    return batch.calls;
  }

  release(calls: readonly PendingCall[]): void {
    for (const { tags } of calls) for (const tag of tags) this.#held.delete(tag);
  }

  /** All calls that wait; none is left. */
  drain(): readonly PendingCall[] {
    const drained = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return drained;
  }
}

/** The calls of one transaction, within the bounds of the wire format. */
class Batch {
  readonly calls: PendingCall[] = [];
  readonly #callsMax: number;
  readonly #ids = new Set<string>();
  #bytes = FRAME_BYTES;
  #privateBytes = FRAME_BYTES;

  constructor(callsMax: number) {
    this.#callsMax = callsMax;
  }

  get isFull(): boolean {
    return this.calls.length === this.#callsMax;
  }

  /** False where it does not fit, or the same call is in it with other private values. */
  add(call: PendingCall): boolean {
    const bytes = this.#bytes + call.sizeBytes;
    const privateBytes = this.#privateBytes + call.privateBytes;
    if (this.#ids.has(call.callId) || bytes > GATHERED_BYTES_MAX || privateBytes > PRIVATE_BYTES_MAX) return false;
    this.#bytes = bytes;
    this.#privateBytes = privateBytes;
    this.#ids.add(call.callId);
    this.calls.push(call);
    return true;
  }
}

function sizeOf({ sizeBytes, privateBytes }: PendingCall): number {
  return sizeBytes + privateBytes;
}
