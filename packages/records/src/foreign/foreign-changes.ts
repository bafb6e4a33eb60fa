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

interface Change {
  readonly count: number;
  readonly atMs: number;
}

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
        const owner = key.startsWith('record/root/') ? (value as BatchFact | null)?.owner : undefined;
        if (owner === undefined) continue;
        this.#count += 1;
        this.#byOwner.put(owner, { count: this.#count, atMs });
      }
    }
  }

  /** Which change of an owner was the last; 0 before the first that this process saw. */
  numberOf(owner: Owner): number {
    return this.#byOwner.find(owner)?.count ?? 0;
  }

  /** When it was seen; nothing an owner has came later. */
  lastMsOf(owner: Owner): number {
    return this.#byOwner.find(owner)?.atMs ?? Number.NEGATIVE_INFINITY;
  }

  isSettled(owner: Owner): boolean {
    return this.lastMsOf(owner) + SETTLE_MS <= this.#clock();
  }
}
