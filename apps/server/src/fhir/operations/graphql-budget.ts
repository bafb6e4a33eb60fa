import { RecordsError } from '@salus/records';

/** Reads and searches of one query that run at once; each may open as many resources as a list has. */
const AT_ONCE_MAX = 8;

/**
 * What one query may still open. Each read and search is paid for before it starts, a few run at once, and of those that wait
 * none starts once everything is spent. A class because it lives as long as its query.
 */
export class GraphqlBudget {
  #left: number;
  #running = 0;
  /** As many as were paid for, at most. */
  readonly #waiting: (() => void)[] = [];

  constructor(left: number) {
    this.#left = left;
  }

  get isSpent(): boolean {
    return this.#left < 0;
  }

  /** @throws RecordsError `too-large` when there was less left, and ever after */
  spend(resources: number): void {
    this.#left -= resources;
    this.#demandLeft();
  }

  /** Spends one on a read or search, then waits for its turn. Throws as `spend`, and what the work throws. */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    this.spend(1);
    if (this.#running < AT_ONCE_MAX) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      this.#demandLeft();
      return await work();
    } finally {
      const next = this.#waiting.shift();
      // Whoever is next takes the place.
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #demandLeft(): void {
    if (this.isSpent) throw new RecordsError('too-large', 'the query opens too many resources');
  }
}
