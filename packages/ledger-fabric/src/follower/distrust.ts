import { LedgerError } from '@salus/ledger';

/** Keys of the world state on which nothing may rest: an alarm's, and those that were written from them. */
export class Distrust {
  readonly #keys: Set<string>;
  readonly #base: Distrust | undefined;

  /** `base` is looked at, too, and never changed. */
  constructor(keys: Iterable<string>, base?: Distrust) {
    this.#keys = new Set(keys);
    this.#base = base;
  }

  /** Its own keys, without those of the base. */
  get keys(): ReadonlySet<string> {
    return this.#keys;
  }

  has(key: string): boolean {
    return this.#keys.has(key) || this.#base?.has(key) === true;
  }

  /** Is a key of [start, end) among them? */
  touches(start: string, end: string): boolean {
    for (const key of this.#keys) if (key >= start && key < end) return true;
    return this.#base?.touches(start, end) === true;
  }

  add(keys: Iterable<string>): void {
    for (const key of keys) this.#keys.add(key);
  }

  /** `distrusted` where the key is one of them. */
  require(key: string): void {
    if (this.has(key)) throw distrusted();
  }

  /** `distrusted` where a key of [start, end) is one of them. */
  requireRange(start: string, end: string): void {
    if (this.touches(start, end)) throw distrusted();
  }
}

function distrusted(): LedgerError {
  return new LedgerError('distrusted', 'this rests on a transaction that should not be: the alarms tell which');
}
