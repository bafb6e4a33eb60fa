import { setTimeout as delay } from 'node:timers/promises';
import type { Stub } from 'fabric-shim/lib/server.js';
import { FabricError } from '../fabric-error.ts';
import type { GuardedStream } from './guarded-stream.ts';
import type { StateEntry, TransactionPeer } from './invocation.ts';
import { getStateMultiple, MESSAGE, readStateMultiple, writeBatch } from './peer-messages.ts';

/** How long the peer may take to answer one question. */
export const ANSWER_MAX_MS = 20_000;

/** The peer behind fabric-shim's stub: many keys in one question where it offers that (Fabric 3.1), else one by one. */
export class ShimPeer implements TransactionPeer {
  readonly #stub: Stub;
  readonly #stream: GuardedStream;

  constructor(stub: Stub, stream: GuardedStream) {
    this.#stub = stub;
    this.#stream = stream;
  }

  async getStates(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    const { readsMax } = this.#stream.offers;
    if (readsMax === 0) return this.#inTime(Promise.all(keys.map((key) => this.#stub.getState(key))));
    const parts = chunks(keys, readsMax).map(async (part) => {
      const values = readStateMultiple(await this.#ask(MESSAGE.getStateMultiple, getStateMultiple(part)));
      if (values.length !== part.length)
        throw new FabricError('peer-failed', 'the peer answered for another number of keys');
      return values;
    });
    return (await this.#inTime(Promise.all(parts))).flat();
  }

  async getRange(start: string, end: string, limit: number): Promise<readonly StateEntry[]> {
    return this.#inTime(this.#readRange(start, end, limit));
  }

  async write(writes: readonly (readonly [key: string, value: Uint8Array | null])[]): Promise<void> {
    const { writesMax } = this.#stream.offers;
    const asked =
      writesMax === 0
        ? writes.map(([key, value]) =>
            value === null ? this.#stub.deleteState(key) : this.#stub.putState(key, Buffer.from(value)),
          )
        : chunks(writes, writesMax).map((part) => this.#ask(MESSAGE.writeBatch, writeBatch(part)));
    await this.#inTime(Promise.all(asked));
  }

  async #readRange(start: string, end: string, limit: number): Promise<readonly StateEntry[]> {
    const entries: StateEntry[] = [];
    for await (const { key, value } of this.#stub.getStateByRange(start, end)) {
      entries.push({ key, value });
      // The iterator closes at the end of the loop: what it has read is in the read set, and no more.
      if (entries.length === limit) break;
    }
    return entries;
  }

  #ask(type: number, payload: Uint8Array): Promise<Uint8Array> {
    const message = this.#stream.newMessage();
    message.setType(type);
    message.setPayload(payload);
    message.setTxid(this.#stub.getTxID());
    message.setChannelId(this.#stub.getChannelID());
    return this.#stub.handler._askPeerAndListen(message, 'Ask');
  }

  /** What the peer says wrong, late or not at all is a fault of its own, never a call's. */
  async #inTime<T>(answer: Promise<T>): Promise<T> {
    const timeout = new AbortController();
    try {
      const late = delay(ANSWER_MAX_MS, undefined, { signal: timeout.signal }).then(() => {
        throw new FabricError('peer-failed', `the peer did not answer within ${ANSWER_MAX_MS} ms`);
      });
      return await Promise.race([answer, late, this.#stream.closed]);
    } catch (cause) {
      if (cause instanceof FabricError) throw cause;
      throw new FabricError('peer-failed', 'the peer refuses to answer', { cause });
    } finally {
      timeout.abort();
    }
  }
}

function chunks<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
