import type { BatchFact } from '@salus/contracts';
import { type Block, writesOf } from '@salus/ledger';
import { BoundedCache } from '../bounded-cache.ts';
import type { Clock, Owner } from '../vault-types.ts';

/** Owners whose last change is remembered: of one that is forgotten, the next change is news again. */
const OWNERS_MAX = 100_000;
/**
 * From a block to the question what it brought: the author's node keeps as committed what the block holds only after it, and
 * what it does not list by then counts as left out.
 */
const SETTLE_MS = 3_000;

interface Settled {
  readonly count: number;
  /** When it was seen. */
  readonly atMs: number;
}

interface Change extends Settled {
  /** The last before it that had settled: whoever writes all the time holds up nobody, not even its own news of before. */
  readonly before: Settled;
}

const NONE: Settled = { count: 0, atMs: Number.NEGATIVE_INFINITY };

/**
 * Whose records changed, by the ledger's blocks: roots of batches name their owner and nothing of what is in them. So nobody
 * need tell this organisation that there is something to ask for, and nobody is asked while there is not.
 */
export class ForeignChanges {
  readonly #clock: Clock;
  readonly #byOwner = new BoundedCache<Change>(OWNERS_MAX);
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note({ transactions }: Block): void {
    const atMs = this.#clock();
    for (const { outcome } of transactions) {
      for (const [key, value] of writesOf(outcome)) {
        const owner = key.startsWith('record/root/')
          ? ((value as BatchFact | null)?.owner as Owner | undefined)
          : undefined;
        if (owner === undefined) continue;
        const before = this.settledOf(owner);
        this.#count += 1;
        this.#byOwner.put(owner, { count: this.#count, atMs, before });
      }
    }
  }

  /** Which change of an owner was the last that an author can list for certain; 0 before the first that this process saw. */
  settledOf(owner: Owner): Settled {
    const last = this.#byOwner.find(owner);
    if (last === undefined) return NONE;
    return last.atMs + SETTLE_MS <= this.#clock() ? last : last.before;
  }
}
