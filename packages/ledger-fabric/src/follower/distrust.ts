import { LedgerError } from '@salus/ledger';

/** Keys of the world state on which nothing may rest: those of alarms, and those that were written from them. */
export interface Distrust {
  has(key: string): boolean;
  /** Is a key of [start, end) among them? */
  touches(start: string, end: string): boolean;
}

/** What a block adds to the distrust of the blocks before. */
export class BlockDistrust implements Distrust {
  readonly #keys = new Set<string>();
  readonly #before: Distrust;

  constructor(before: Distrust) {
    this.#before = before;
  }

  /** Those that it adds. */
  get keys(): ReadonlySet<string> {
    return this.#keys;
  }

  has(key: string): boolean {
    return this.#keys.has(key) || this.#before.has(key);
  }

  touches(start: string, end: string): boolean {
    for (const key of this.#keys) if (key >= start && key < end) return true;
    return this.#before.touches(start, end);
  }

  add(keys: Iterable<string>): void {
    for (const key of keys) this.#keys.add(key);
  }
}

/** `distrusted` where the key is one of them. */
export function requireTrusted(distrust: Distrust, key: string): void {
  if (distrust.has(key)) throw distrusted();
}

/** `distrusted` where a key of [start, end) is one of them. */
export function requireTrustedRange(distrust: Distrust, start: string, end: string): void {
  if (distrust.touches(start, end)) throw distrusted();
}

function distrusted(): LedgerError {
  return new LedgerError('distrusted', 'this rests on a transaction that should not be: the alarms tell which');
}
