import { setTimeout as delay } from 'node:timers/promises';
import type { QueryResult } from 'pg';
import { RecordsError } from '../../records-error.ts';
import { connect, type PostgresConnection } from './postgres-connection.ts';
import { LostConnection } from './postgres-errors.ts';
import type { PostgresPlace } from './postgres-place.ts';

/** Connections of one organisation that read; several queries are on their way on each. */
export const READERS_MAX = 4;
/** Queries that wait or run; beyond it a read is refused. */
export const READS_MAX = 10_000;
/** A read that lost its connection is asked again: while the server starts anew, for so long. */
const RETRIES_MAX = 8;
const RETRY_MS = 250;

type Ask = (connection: PostgresConnection) => Promise<QueryResult>;

interface Reader {
  readonly opening: Promise<PostgresConnection>;
  /** Once it is open. */
  connection: PostgresConnection | undefined;
  waiting: number;
}

/** Read-only connections, made when needed; a query goes where the fewest wait. */
export class PostgresReaders implements AsyncDisposable {
  readonly #place: PostgresPlace;
  readonly #name: string;
  readonly #readers: (Reader | undefined)[] = Array.from({ length: READERS_MAX }, () => undefined);
  #waiting = 0;
  #closed = false;

  constructor(place: PostgresPlace, name: string) {
    this.#place = place;
    this.#name = name;
  }

  /** Runs one reading query. Rejects `overloaded`, `closed`, `store-unavailable`. */
  async run(ask: Ask): Promise<QueryResult> {
    if (this.#waiting >= READS_MAX) throw new RecordsError('overloaded', `more than ${READS_MAX} reads are under way`);
    this.#waiting += 1;
    try {
      for (let attempt = 0; ; attempt += 1) {
        if (this.#closed) throw new RecordsError('closed', 'the store is closed');
        try {
          return await this.#once(ask);
        } catch (error) {
          if (attempt >= RETRIES_MAX || !(error instanceof LostConnection)) throw error;
          await delay(RETRY_MS);
        }
      }
    } finally {
      this.#waiting -= 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const reader of this.#readers) {
      const connection = await reader?.opening.catch(() => undefined);
      await connection?.[Symbol.asyncDispose]();
    }
  }

  async #once(ask: Ask): Promise<QueryResult> {
    const at = this.#leastBusy();
    const known = this.#readers[at];
    const reader = known === undefined || known.connection?.hasEnded === true ? this.#open(at) : known;
    reader.waiting += 1;
    try {
      return await ask(await reader.opening);
    } finally {
      reader.waiting -= 1;
    }
  }

  /** An idle connection, else a new one, else the least busy. */
  #leastBusy(): number {
    let best = 0;
    let bestWaiting = Number.POSITIVE_INFINITY;
    for (const [at, reader] of this.#readers.entries()) {
      const waiting = reader === undefined ? 0.5 : reader.waiting;
      if (waiting < bestWaiting) [best, bestWaiting] = [at, waiting];
    }
    return best;
  }

  #open(at: number): Reader {
    const reader: Reader = {
      opening: connect(this.#place, { name: this.#name, readOnly: true }),
      connection: undefined,
      waiting: 0,
    };
    this.#readers[at] = reader;
    reader.opening.then(
      (connection) => {
        reader.connection = connection;
      },
      // Whoever asked hears why; the next one tries anew.
      () => {
        if (this.#readers[at] === reader) this.#readers[at] = undefined;
      },
    );
    return reader;
  }
}
