import { setImmediate as nextTurn } from 'node:timers/promises';
import { RecordsError } from '../records-error.ts';
import type { ReadRecord } from './reading.ts';

/** Records that one request fetches for several readers of a session; their answers lie in memory together. */
export const READS_GATHERED_MAX = 16;
/** Reads of one session that wait for a request. */
export const READS_WAITING_MAX = 1_000;

type Waiting = {
  readonly recordId: string;
  readonly resolve: (record: ReadRecord) => void;
  readonly reject: (reason: unknown) => void;
};

/**
 * Reads of single records of one session, by the one person who opened it. Those that are asked for while earlier ones are
 * on their way share a request, as callers share a block: one signature and one event on each side, a liveness check for
 * each object. What fails together is read again one by one, so that nobody is refused for another's record.
 */
export class GatheredReads {
  readonly #fetch: (recordIds: readonly string[]) => Promise<readonly ReadRecord[]>;
  #waiting: Waiting[] = [];
  #running = false;

  /** `fetch` gives one record for each id, in their order, or throws. */
  constructor(fetch: (recordIds: readonly string[]) => Promise<readonly ReadRecord[]>) {
    this.#fetch = fetch;
  }

  /** Resolves as `fetch` of this record alone would. `overloaded` when too many wait. */
  read(recordId: string): Promise<ReadRecord> {
    if (this.#waiting.length >= READS_WAITING_MAX) {
      return Promise.reject(new RecordsError('overloaded', `more than ${READS_WAITING_MAX} reads of a session wait`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<ReadRecord>();
    this.#waiting.push({ recordId, resolve, reject });
    if (!this.#running) {
      this.#running = true;
      void this.#run();
    }
    return promise;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      // Reads that arrive in one turn of the event loop share a request.
      await nextTurn();
      await this.#readTogether(this.#take());
    }
    this.#running = false;
  }

  /** The next reads, each record once: who reads a record twice is logged twice. */
  #take(): readonly Waiting[] {
    const group = new Map<string, Waiting>();
    const later: Waiting[] = [];
    for (const waiting of this.#waiting) {
      if (group.size < READS_GATHERED_MAX && !group.has(waiting.recordId)) group.set(waiting.recordId, waiting);
      else later.push(waiting);
    }
    this.#waiting = later;
    return [...group.values()];
  }

  async #readTogether(group: readonly Waiting[]): Promise<void> {
    try {
      const records = await this.#fetch(group.map(({ recordId }) => recordId));
      for (const [at, { resolve }] of group.entries()) resolve(records[at]!);
    } catch (error) {
      const isForAll = group.length === 1 || (error instanceof RecordsError && error.code === 'session-ended');
      if (isForAll) for (const { reject } of group) reject(error);
      else for (const waiting of group) await this.#readTogether([waiting]);
    }
  }
}
