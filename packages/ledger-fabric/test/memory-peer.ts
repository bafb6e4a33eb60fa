import type { Json } from '@salus/contracts';
import { canonical, utf8 } from '@salus/crypto';
import type { StateEntry, TransactionPeer } from '../src/chaincode/invocation.ts';

/** A peer's simulation of one transaction over a state in memory: what it records is what a real peer signs. */
export class MemoryPeer implements TransactionPeer {
  readonly #state: ReadonlyMap<string, Json>;
  readonly reads = new Set<string>();
  readonly ranges: string[] = [];
  readonly writes = new Map<string, Json | null>();
  /** Questions that took a round trip. */
  questions = 0;

  constructor(state: ReadonlyMap<string, Json>) {
    this.#state = state;
  }

  async getStates(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.questions += 1;
    return keys.map((key) => {
      this.reads.add(key);
      const value = this.#state.get(key);
      return value === undefined ? undefined : utf8(canonical(value));
    });
  }

  async getRange(start: string, end: string, limit: number): Promise<readonly StateEntry[]> {
    this.questions += 1;
    this.ranges.push(`${start} ${end} ${limit}`);
    return [...this.#state]
      .filter(([key]) => key >= start && key < end)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .slice(0, limit)
      .map(([key, value]) => ({ key, value: utf8(canonical(value)) }));
  }

  async write(writes: readonly (readonly [key: string, value: Uint8Array | null])[]): Promise<void> {
    this.questions += 1;
    for (const [key, value] of writes) {
      this.writes.set(key, value === null ? null : (JSON.parse(new TextDecoder().decode(value)) as Json));
    }
  }
}
