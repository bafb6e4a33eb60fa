import type { Entry, Json, Write } from '@salus/contracts';

type MaybePromise<T> = T | Promise<T>;

/** Committed state as a transaction reads it: a `Host` without network and functions. */
export interface StateReader {
  get(key: string): MaybePromise<Json | undefined>;
  /** Entries of [start, end) in ascending byte order, at most `limit`. */
  range(start: string, end: string, limit: number): MaybePromise<readonly Entry[]>;
}

/** Committed state under the writes of the calls of one transaction that ran so far. */
export class BatchState implements StateReader {
  readonly #state: StateReader;
  readonly #written = new Map<string, Json | null>();

  constructor(state: StateReader) {
    this.#state = state;
  }

  /** Keys written so far. */
  get size(): number {
    return this.#written.size;
  }

  get(key: string): MaybePromise<Json | undefined> {
    const own = this.#written.get(key);
    return own === undefined ? this.#state.get(key) : (own ?? undefined);
  }

  async range(start: string, end: string, limit: number): Promise<readonly Entry[]> {
    const own = [...this.#written].filter(([key]) => key >= start && key < end);
    // Each own write may hide at most one committed entry.
    const committed = await this.#state.range(start, end, limit + own.length);
    const merged = new Map<string, Json | null>(committed.map(({ key, value }) => [key, value]));
    for (const [key, value] of own) merged.set(key, value);
    return sorted(merged)
      .flatMap(([key, value]) => (value === null ? [] : [{ key, value }]))
      .slice(0, limit);
  }

  apply(writes: readonly Write[]): void {
    for (const [key, value] of writes) this.#written.set(key, value);
  }

  /** The union of all writes, sorted by key; null deletes. */
  writes(): readonly Write[] {
    return sorted(this.#written);
  }
}

function sorted(entries: ReadonlyMap<string, Json | null>): readonly Write[] {
  return [...entries].sort(([left], [right]) => (left < right ? -1 : 1));
}
