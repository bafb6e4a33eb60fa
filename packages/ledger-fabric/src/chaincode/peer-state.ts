import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Entry, Json } from '@salus/contracts';
import { fromUtf8 } from '@salus/crypto';
import { FabricError } from '../fabric-error.ts';
import type { StateReader } from './batch-state.ts';
import type { TransactionPeer } from './invocation.ts';

/** Keys that one transaction reads at most. */
export const READS_MAX = 50_000;

type Slot = { readonly promise: Promise<Json | undefined>; settled?: { readonly value: Json | undefined } };

/**
 * Committed state as the peer has it for one transaction. Each key is read once; what is asked for before the event loop turns
 * goes to the peer in one question.
 */
export class PeerState implements StateReader {
  readonly #peer: TransactionPeer;
  readonly #slots = new Map<string, Slot>();
  readonly #ranges = new Map<string, { readonly limit: number; readonly entries: Promise<readonly Entry[]> }>();
  #wanted: string[] = [];
  #answer: Promise<ReadonlyMap<string, Json | undefined>> | undefined;

  constructor(peer: TransactionPeer) {
    this.#peer = peer;
  }

  get(key: string): Json | undefined | Promise<Json | undefined> {
    const slot = this.#slot(key);
    return slot.settled === undefined ? slot.promise : slot.settled.value;
  }

  /** Asks for keys that will be read soon, and waits for none. */
  prefetch(keys: Iterable<string>): void {
    for (const key of keys) this.#slot(key);
  }

  /** A range that was read before answers every shorter one, and every longer one where it came to its end. */
  async range(start: string, end: string, limit: number): Promise<readonly Entry[]> {
    const name = `${start} ${end}`;
    const known = this.#ranges.get(name);
    if (known !== undefined) {
      const entries = await known.entries;
      if (limit <= known.limit || entries.length < known.limit) return entries.slice(0, limit);
    }
    const entries = this.#readRange(start, end, limit);
    this.#ranges.set(name, { limit, entries });
    return entries;
  }

  #slot(key: string): Slot {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    if (this.#slots.size >= READS_MAX)
      throw new FabricError('peer-failed', `a transaction reads at most ${READS_MAX} keys`);
    this.#wanted.push(key);
    this.#answer ??= this.#ask();
    const slot: Slot = { promise: this.#answer.then((values) => values.get(key)) };
    slot.promise.then(
      (value) => {
        slot.settled = { value };
      },
      // Whoever awaits the value meets the fault; what was only prefetched may never be awaited.
      () => undefined,
    );
    this.#slots.set(key, slot);
    return slot;
  }

  async #ask(): Promise<ReadonlyMap<string, Json | undefined>> {
    await nextTurn();
    const keys = this.#wanted;
    this.#wanted = [];
    this.#answer = undefined;
    const values = await this.#peer.getStates(keys);
    if (values.length !== keys.length)
      throw new FabricError('peer-failed', 'the peer answered for another number of keys');
    return new Map(keys.map((key, index) => [key, parseValue(values[index])]));
  }

  async #readRange(start: string, end: string, limit: number): Promise<readonly Entry[]> {
    const entries = await this.#peer.getRange(start, end, limit);
    return entries.map(({ key, value }) => ({ key, value: parseValue(value)! }));
  }
}

/** State is canonical JSON, written by this chaincode alone. */
function parseValue(bytes: Uint8Array | undefined): Json | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    return JSON.parse(fromUtf8(bytes)) as Json;
  } catch {
    // The cause would quote the value.
    throw new FabricError('peer-failed', 'a value in the state is no JSON');
  }
}
