import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { type CompiledQuery, type DialectAdapter, type Insertable, Kysely, sql } from 'kysely';
import { RecordsError } from '../records-error.ts';
import { SQLITE_TYPES } from './column-types.ts';
import { Commits } from './commits.ts';
import { runCompiled, runDirectly } from './prepared.ts';
import type { Tables } from './schema.ts';
import { sqliteDialect, statementsOf } from './sqlite-dialect.ts';
import { createTables, STORE_VERSION } from './tables.ts';

/** Waiting writes beyond this are refused: memory stays bounded when the disk is slow. */
export const WRITE_QUEUE_MAX = 20_000;
/** Writes that share one commit. */
export const WRITE_GROUP_MAX = 512;
/** Rows inserted in one turn of the event loop. */
const INSERT_SLICE = 64;
/** Another process (verify, backup) may hold a lock for a moment. */
const BUSY_TIMEOUT_MS = 10_000;
const CACHE_KIB = 65_536;
/**
 * The write-ahead log is copied back into the file from this number of pages on (32 MiB). Whoever commits then waits for
 * it: eight times rarer than by SQLite's own measure, and less work in all, since a page that is written again and again,
 * as the end of the audit log is, is copied once.
 */
const LOG_PAGES_MAX = 8_192;
/** Together as long as a reader may take (BUSY_TIMEOUT_MS). */
const TRUNCATE_ATTEMPTS_MAX = 100;
const TRUNCATE_DELAY_MS = 100;

/** Queries inside one write. Await nothing else in between: every other write waits for it. */
export type StoreTransaction = Kysely<Tables>;
export type WriteBody<T> = (trx: StoreTransaction) => Promise<T>;

type Job = {
  /** Whether readers may see the rows before the disk has them. */
  readonly isEarly: boolean;
  readonly body: WriteBody<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
};

/**
 * One organisation's database: WAL, each commit synced before it is acknowledged. Writes are queued and share commits; a
 * body that throws undoes only itself. Reads have a connection of their own and see committed rows.
 */
export class Store implements AsyncDisposable {
  readonly read: Kysely<Tables>;
  readonly #writer: Kysely<Tables>;
  readonly #commits: Commits;
  readonly #queue: Job[] = [];
  #draining: Promise<void> | undefined;
  #syncing: Promise<void> | undefined;
  #closed = false;

  constructor(read: Kysely<Tables>, writer: Kysely<Tables>, commits: Commits) {
    this.read = read;
    this.#writer = writer;
    this.#commits = commits;
  }

  /** Resolves with the body's result once it is durable. Rejects `overloaded`, `closed`, or with what the body threw. */
  write<T>(body: WriteBody<T>): Promise<T> {
    return this.#enqueue(body, false);
  }

  /**
   * As `write`, but the event loop does not stand still while the disk works, and readers may see the rows an instant
   * before they are durable: for rows of which nothing is told outside before `durable()` has resolved (audit events),
   * that readers do not see (a pending batch), or that the next start makes again (a batch that the ledger has).
   */
  append<T>(body: WriteBody<T>): Promise<T> {
    return this.#enqueue(body, true);
  }

  /** Resolves once everything that a reader can see now is durable. */
  async durable(): Promise<void> {
    await this.#syncing;
  }

  /**
   * Empties the write-ahead log into the database, so that no page of an erased row is left there. While another process
   * reads, it tries again for some seconds, then throws `overloaded`.
   */
  async truncateWal(): Promise<void> {
    for (let attempt = 1; attempt <= TRUNCATE_ATTEMPTS_MAX; attempt += 1) {
      await this.#draining;
      if (this.#commits.truncateLog()) return;
      await delay(TRUNCATE_DELAY_MS);
    }
    throw new RecordsError('overloaded', 'a reader holds the write-ahead log');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#draining;
    await this.#commits.close();
    await this.read.destroy();
    await this.#writer.destroy();
  }

  #enqueue<T>(body: WriteBody<T>, isEarly: boolean): Promise<T> {
    if (this.#closed || this.#commits.isBroken) {
      return Promise.reject(new RecordsError('closed', 'the store is closed'));
    }
    if (this.#queue.length >= WRITE_QUEUE_MAX) {
      return Promise.reject(new RecordsError('overloaded', `more than ${WRITE_QUEUE_MAX} writes are waiting`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#queue.push({ isEarly, body, resolve: resolve as (value: unknown) => void, reject });
    this.#draining ??= this.#drain();
    return promise;
  }

  async #drain(): Promise<void> {
    // One turn of the event loop lets writers that arrive together share the first commit.
    await nextTurn();
    while (this.#queue.length > 0) {
      const group = this.#queue.splice(0, WRITE_GROUP_MAX);
      await this.#commitGroup(group);
      // Timers and sockets get their turn between commits.
      if (this.#queue.length > 0) await nextTurn();
    }
    this.#draining = undefined;
  }

  async #commitGroup(group: readonly Job[]): Promise<void> {
    const settle: (() => void)[] = [];
    try {
      await this.#writer.connection().execute(async (connection) => {
        const isEarly = group.every((job) => job.isEarly);
        this.#commits.begin({ isEarly });
        try {
          for (const job of group) settle.push(await this.#runJob(connection, job, group.length > 1));
          this.#commits.commit();
        } catch (error) {
          this.#commits.rollback();
          throw error;
        }
        if (!isEarly) return;
        this.#syncing = this.#commits.sync();
        await this.#syncing;
        this.#syncing = undefined;
      });
    } catch (error) {
      for (const job of group) job.reject(error);
      return;
    }
    for (const done of settle) done();
  }

  /** Runs one body, in a savepoint when it shares the commit; returns how to answer its caller once the group is durable. */
  async #runJob(connection: Kysely<Tables>, job: Job, isShared: boolean): Promise<() => void> {
    if (!isShared) {
      const value = await job.body(connection);
      return () => job.resolve(value);
    }
    this.#commits.savepoint();
    try {
      const value = await job.body(connection);
      this.#commits.release();
      return () => job.resolve(value);
    } catch (error) {
      this.#commits.undo();
      return () => job.reject(error);
    }
  }
}

/** Opens or creates the database file and brings its schema up to date. A newer schema throws `corrupt`. */
export async function openStore(file: string): Promise<Store> {
  const writerDatabase = openFile(file);
  const writing = statementsOf(writerDatabase);
  const writer = new Kysely<Tables>({ dialect: sqliteDialect(writing) });
  try {
    await migrateStore(writer);
  } catch (error) {
    await writer.destroy();
    throw error;
  }
  const reading = statementsOf(openFile(file, true));
  const read = new Kysely<Tables>({ dialect: sqliteDialect(reading) });
  runDirectly(writer, (text) => writing.prepare(text));
  // A commit empties the page cache of every connection but its own: while no transaction is open, the writing one sees
  // the same rows and finds its pages in memory (5 system calls a read less under a load that is logged).
  runDirectly(read, (text) => (writerDatabase.isTransaction ? reading : writing).prepare(text));
  return new Store(read, writer, new Commits(writerDatabase, file));
}

/** Inserts by table and columns, compiled once for each database: compiling costs more than inserting. */
const inserts = new WeakMap<DialectAdapter, Map<string, CompiledQuery>>();

/** Inserts many rows of one shape with one compiled statement. */
export async function insertRows<Table extends keyof Tables & string>(
  trx: StoreTransaction,
  table: Table,
  rows: readonly Insertable<Tables[Table]>[],
): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first) as (keyof Insertable<Tables[Table]>)[];
  const compiled = compiledInsert(trx, table, first);
  for (const [at, row] of rows.entries()) {
    // Readers and sockets get their turn during a large write.
    if (at > 0 && at % INSERT_SLICE === 0) await nextTurn();
    await runCompiled(
      trx,
      compiled,
      columns.map((column) => row[column]),
    );
  }
}

function compiledInsert<Table extends keyof Tables & string>(
  trx: StoreTransaction,
  table: Table,
  first: Insertable<Tables[Table]>,
): CompiledQuery {
  const { adapter } = trx.getExecutor();
  const known = inserts.get(adapter) ?? new Map<string, CompiledQuery>();
  inserts.set(adapter, known);
  const name = [table, ...Object.keys(first)].join();
  const found = known.get(name);
  if (found !== undefined) return found;
  const compiled = trx.insertInto(table).values(first).compile();
  known.set(name, compiled);
  return compiled;
}

function openFile(file: string, queryOnly = false): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA synchronous = FULL');
  database.exec('PRAGMA foreign_keys = ON');
  // What a row held is overwritten with zeros when it goes: erasure rests on it.
  database.exec('PRAGMA secure_delete = ON');
  database.exec('PRAGMA temp_store = MEMORY');
  database.exec('PRAGMA trusted_schema = OFF');
  database.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES_MAX}`);
  if (queryOnly) database.exec('PRAGMA query_only = ON');
  return database;
}

/**
 * Makes the schema in an empty database, in one transaction. Another version throws `corrupt`. The version is kept as
 * `user_version`: no table of its own, whose rows nothing would cover.
 */
export async function migrateStore(db: Kysely<Tables>): Promise<void> {
  await db.connection().execute(async (connection) => {
    const { rows } = await sql<{ readonly user_version: number }>`pragma user_version`.execute(connection);
    const version = rows[0]?.user_version;
    if (version === STORE_VERSION) return;
    if (version !== 0) throw new RecordsError('corrupt', `the store has schema ${version}, expected ${STORE_VERSION}`);
    await sql`begin immediate`.execute(connection);
    try {
      await createTables(connection as Kysely<unknown>, SQLITE_TYPES);
      await sql`pragma user_version = ${sql.lit(STORE_VERSION)}`.execute(connection);
      await sql`commit`.execute(connection);
    } catch (error) {
      await sql`rollback`.execute(connection);
      throw error;
    }
  });
}
