import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { QueryResult } from 'pg';
import { connect, type PostgresConnection } from './postgres-connection.ts';
import { LostConnection } from './postgres-errors.ts';
import type { PostgresPlace } from './postgres-place.ts';
import { refused } from './postgres-schema.ts';

/** A writer that ended a moment ago holds its lock until the server has noticed (`KEEPALIVE`). */
export const LOCK_WAIT_MS_MAX = 30_000;
const LOCK_POLL_MS = 250;

/** Numbers the commit, and finds no row when another process has become the writer. */
const NUMBER = 'update "storeWriter" set "commits" = $1 where "one" = 1 and "writer" = $2';

/**
 * The one connection that writes. It holds an advisory lock of the schema for as long as it lives, and each of its
 * transactions writes its number beside the writer's name: so a second process refuses to start, a process that was cut
 * off and replaced cannot write any more, and a commit without an answer can be looked for.
 */
export class PostgresWriter implements AsyncDisposable {
  readonly id = randomUUID();
  readonly #place: PostgresPlace;
  readonly #lockWaitMs: number;
  #connection: PostgresConnection | undefined;
  #commits = 0;
  #numbering: Promise<QueryResult> | undefined;
  /** Set once it is known that another process writes: nothing is written any more. */
  #replaced: Error | undefined;

  constructor(place: PostgresPlace, lockWaitMs: number) {
    this.#place = place;
    this.#lockWaitMs = lockWaitMs;
  }

  /** The connection of the transaction that has begun. */
  get connection(): PostgresConnection {
    if (this.#connection === undefined) throw new Error('broken invariant: a query outside a write');
    return this.#connection;
  }

  /** Connects and waits for the lock; `store-refused` while another process holds it. Before the tables exist. */
  async lock(): Promise<PostgresConnection> {
    this.#connection = await this.#connectLocked();
    return this.#connection;
  }

  /** Takes the place of the last writer; returns the id of the store. */
  async take(): Promise<string> {
    const text = 'update "storeWriter" set "writer" = $1 where "one" = 1 returning "commits", "storeId"';
    const { rows } = await this.connection.query<{ readonly commits: number; readonly storeId: string }>(text, [
      this.id,
    ]);
    const [row] = rows;
    if (row === undefined) throw refused('its table of the writer is empty');
    this.#commits = row.commits;
    return row.storeId;
  }

  /** Begins a transaction, on a new connection when the last one ended; `store-unavailable` when there is none to be had. */
  async begin(): Promise<{ readonly connection: PostgresConnection; readonly number: number }> {
    const connection = await this.#connected();
    const number = this.#commits + 1;
    // Not waited for: `demandOwn` looks at the answer.
    connection.query('begin').catch(() => undefined);
    this.#numbering = connection.named(NUMBER, [number, this.id]);
    this.#numbering.catch(() => undefined);
    return { connection, number };
  }

  /** Throws when the transaction is not the writer's any more, or could not begin. */
  async demandOwn(): Promise<void> {
    if ((await this.#numbering)?.rowCount === 1) return;
    this.#replaced = replaced();
    throw this.#replaced;
  }

  /** `unknown` when the answer was lost. */
  async commit(): Promise<'committed' | 'unknown'> {
    try {
      const { command } = await this.connection.query('commit');
      // The server answers so when a statement had failed whose error the body kept to itself.
      if (command !== 'COMMIT') throw new RangeError('broken invariant: a write went on after a statement had failed');
      this.#commits += 1;
      return 'committed';
    } catch (error) {
      if (!(error instanceof LostConnection)) throw error;
      await this.#drop();
      return 'unknown';
    }
  }

  /** Whatever happens, the next transaction begins with nothing of this one. */
  async rollback(): Promise<void> {
    try {
      await this.connection.query('rollback');
    } catch {
      await this.#drop();
    }
  }

  /** The number of the last commit, asked on a new connection. */
  async readCommits(): Promise<number> {
    await this.#connected();
    return this.#commits;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop();
  }

  async #connected(): Promise<PostgresConnection> {
    if (this.#replaced !== undefined) throw this.#replaced;
    if (this.#connection?.hasEnded === false) return this.#connection;
    await this.#drop();
    const connection = await this.#connectLocked();
    const text = 'select "writer", "commits" from "storeWriter"';
    const { rows } = await connection.query<{ readonly writer: string; readonly commits: number }>(text);
    if (rows[0]?.writer !== this.id) {
      await connection[Symbol.asyncDispose]();
      this.#replaced = replaced();
      throw this.#replaced;
    }
    this.#commits = rows[0].commits;
    this.#connection = connection;
    return connection;
  }

  async #connectLocked(): Promise<PostgresConnection> {
    const name = `salus writer ${this.id}`;
    const connection = await connect(this.#place, { name, readOnly: false });
    try {
      // The server may not know yet that this process's last connection is gone.
      await connection.query(
        `select pg_terminate_backend("pid") from "pg_stat_activity"
         where "application_name" = $1 and "usename" = current_user and "pid" <> pg_backend_pid()`,
        [name],
      );
      for (let waitedMs = 0; ; waitedMs += LOCK_POLL_MS) {
        const text = 'select pg_try_advisory_lock($1::bigint) as "isOurs"';
        const { rows } = await connection.query<{ readonly isOurs: boolean }>(text, [lockOf(this.#place.schema)]);
        if (rows[0]?.isOurs === true) return connection;
        if (waitedMs >= this.#lockWaitMs) throw refused('another process has it open: stop it first');
        await delay(LOCK_POLL_MS);
      }
    } catch (error) {
      await connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.[Symbol.asyncDispose]();
  }
}

/** An advisory lock's number, the same for one schema in every process; locks are the database's own. */
function lockOf(schema: string): string {
  return createHash('sha256').update(`salus:store:v1/${schema}`).digest().readBigInt64BE(0).toString();
}

function replaced(): Error {
  return refused('another process writes it since the connection was lost; this one must be started anew');
}
