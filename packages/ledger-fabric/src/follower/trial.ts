import type { Host, Json, Pure, Write } from '@salus/contracts';
import { type BlockBuilder, overlaid, type WriteText, writeTexts } from '@salus/ledger/store';
import type { Distrust } from './distrust.ts';

/**
 * The state on which a transaction's calls run again: that of the block so far, with the writes of the calls before. It notes
 * whether a call read what is distrusted.
 */
export class Trial {
  readonly #builder: BlockBuilder;
  readonly #distrust: Distrust;
  readonly #written = new Map<string, { readonly value: Json | undefined; readonly text: string | null }>();
  /** Keys written by calls that read what is distrusted. */
  readonly #tainted = new Set<string>();
  #readsDistrusted = false;
  #failure: { readonly cause: unknown } | undefined;

  constructor(builder: BlockBuilder, distrust: Distrust) {
    this.#builder = builder;
    this.#distrust = distrust;
  }

  /** Set when the replica could not be read, which is no fault of a call. */
  get failure(): { readonly cause: unknown } | undefined {
    return this.#failure;
  }

  /** Did the call read anything distrusted since `begin`? */
  get readsDistrusted(): boolean {
    return this.#readsDistrusted;
  }

  /** All writes so far, each key once with its last value. */
  get written(): ReadonlyMap<string, { readonly text: string | null }> {
    return this.#written;
  }

  host(network: string, pure: Pure): Host {
    const host = this.#builder.host(network, pure);
    return {
      network,
      pure,
      onChannel: true,
      get: (key) => this.get(key),
      range: (start, end, limit) => {
        this.#readsDistrusted ||= this.#isTaintedRange(start, end);
        const own = [...this.#written].filter(([key]) => key >= start && key < end);
        const committed = this.#reading(() => host.range(start, end, limit + own.length));
        const newer = own.map(([key, { value }]) => [key, value] as const);
        if (committed instanceof Promise) throw new Error('broken invariant: the replica reads at once');
        return overlaid(committed, newer, limit);
      },
    };
  }

  get(key: string): Json | undefined {
    this.#readsDistrusted ||= this.#isTainted(key);
    const own = this.#written.get(key);
    return own === undefined ? this.#reading(() => this.#builder.version(key)?.value) : own.value;
  }

  /** Takes over what a committed call writes; gives the canonical texts. */
  write(writes: readonly Write[]): readonly WriteText[] {
    const texts = writeTexts(writes);
    writes.forEach(([key, value], at) => {
      this.#written.set(key, { value: value ?? undefined, text: texts[at]![1] });
      if (this.#readsDistrusted) this.#tainted.add(key);
    });
    return texts;
  }

  /** Before each call. */
  begin(): void {
    this.#readsDistrusted = false;
  }

  #isTainted(key: string): boolean {
    return this.#distrust.has(key) || this.#tainted.has(key);
  }

  #isTaintedRange(start: string, end: string): boolean {
    if (this.#distrust.touches(start, end)) return true;
    for (const key of this.#tainted) if (key >= start && key < end) return true;
    return false;
  }

  /** A value that is no JSON was written by an alarm and breaks the call that reads it; anything else is a fault of the file. */
  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) this.#failure ??= { cause };
      throw cause;
    }
  }
}
