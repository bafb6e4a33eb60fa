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
  /** When it was seen. */
  readonly atMs: number;
}

const NONE: Change = { count: 0, atMs: Number.NEGATIVE_INFINITY };

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
        this.#count += 1;
        this.#byOwner.put(owner, { count: this.#count, atMs });
      }
    }
  }

  /** The last change of an owner, or that this process saw none; undefined while an author may not list it for certain. */
  settledOf(owner: Owner): Change | undefined {
    const last = this.#byOwner.find(owner) ?? NONE;
    return last.atMs + SETTLE_MS <= this.#clock() ? last : undefined;
  }
}
