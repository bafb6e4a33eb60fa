import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Kysely, sql } from 'kysely';
import { RecordsError } from '../records-error.ts';
import { SQLITE_TYPES } from './column-types.ts';
import { Commits } from './commits.ts';
import type { Store, WriteBody } from './database.ts';
import { type DirectRunner, runDirectly } from './prepared.ts';
import type { Tables } from './schema.ts';
import { type PreparedStatement, type Statements, sqliteDialect, statementsOf } from './sqlite-dialect.ts';
import { createTables, STORE_VERSION } from './tables.ts';
import { type WriteJob, WriteQueue } from './write-queue.ts';

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

/** WAL, each commit synced before it is acknowledged; reads have a connection of their own. */
class SqliteStore implements Store {
  readonly read: Kysely<Tables>;
  readonly #file: string;
  readonly #writer: Kysely<Tables>;
  readonly #commits: Commits;
  readonly #queue = new WriteQueue((group) => this.#commitGroup(group));
  #syncing: Promise<void> | undefined;
  #closed = false;

  constructor(file: string, { read, writer, commits }: Connections) {
    this.#file = file;
    this.read = read;
    this.#writer = writer;
    this.#commits = commits;
  }

  write<T>(body: WriteBody<T>): Promise<T> {
    return this.#enqueue(body, false);
  }

  /** The event loop does not stand still while the disk works. */
  append<T>(body: WriteBody<T>): Promise<T> {
    return this.#enqueue(body, true);
  }

  async durable(): Promise<void> {
    await this.#syncing;
  }

  /**
   * Empties the write-ahead log into the database, so that no page of an erased row is left there. While another process
   * reads, it tries again for some seconds, then throws `overloaded`.
   */
  async forgetErased(): Promise<void> {
    for (let attempt = 1; attempt <= TRUNCATE_ATTEMPTS_MAX; attempt += 1) {
      await this.#queue.idle();
      if (this.#commits.truncateLog()) return;
      await delay(TRUNCATE_DELAY_MS);
    }
    throw new RecordsError('overloaded', 'a reader holds the write-ahead log');
  }

  async beginCopy(toFile: string): Promise<() => Promise<void>> {
    await copyFile(this.#file, toFile);
    return async () => undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#queue.idle();
    await this.#commits.close();
    await this.read.destroy();
    await this.#writer.destroy();
  }

  #enqueue<T>(body: WriteBody<T>, isEarly: boolean): Promise<T> {
    if (this.#closed || this.#commits.isBroken) {
      return Promise.reject(new RecordsError('closed', 'the store is closed'));
    }
    return this.#queue.add(body, { isEarly });
  }

  async #commitGroup(group: readonly WriteJob[]): Promise<readonly (() => void)[]> {
    const answers: (() => void)[] = [];
    const isEarly = group.every((job) => job.isEarly);
    this.#commits.begin({ isEarly });
    try {
      for (const job of group) answers.push(await this.#runJob(job, group.length > 1));
      this.#commits.commit();
    } catch (error) {
      this.#commits.rollback();
      throw error;
    }
    if (!isEarly) return answers;
    this.#syncing = this.#commits.sync();
    await this.#syncing;
    this.#syncing = undefined;
    return answers;
  }

  /** Runs one body, in a savepoint when it shares the commit; returns how to answer its caller once the group is durable. */
  async #runJob(job: WriteJob, isShared: boolean): Promise<() => void> {
    // There is one writing connection, and the queue gives it to one group at a time.
    if (!isShared) {
      const value = await job.body(this.#writer);
      return () => job.resolve(value);
    }
    this.#commits.savepoint();
    try {
      const value = await job.body(this.#writer);
      this.#commits.release();
      return () => job.resolve(value);
    } catch (error) {
      this.#commits.undo();
      return () => job.reject(error);
    }
  }
}

/** Opens or creates the database file and brings its schema up to date. A newer schema throws `corrupt`. */
export async function openSqliteStore(file: string): Promise<Store> {
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
  runDirectly(
    writer,
    runnerOf(() => writing),
  );
  // A commit empties the page cache of every connection but its own: while no transaction is open, the writing one sees
  // the same rows and finds its pages in memory (5 system calls a read less under a load that is logged).
  runDirectly(
    read,
    runnerOf(() => (writerDatabase.isTransaction ? reading : writing)),
  );
  return new SqliteStore(file, { read, writer, commits: new Commits(writerDatabase, file) });
}

interface Connections {
  readonly read: Kysely<Tables>;
  readonly writer: Kysely<Tables>;
  readonly commits: Commits;
}

function runnerOf(statements: () => Pick<Statements, 'prepare'>): DirectRunner {
  return {
    run: (text, parameters) => {
      const statement: PreparedStatement = statements().prepare(text);
      if (statement.reader) return statement.all(parameters) as readonly unknown[];
      statement.run(parameters);
      return NO_ROWS;
    },
  };
}

const NO_ROWS: readonly unknown[] = [];

/** In a thread of its own, since it takes a while. */
function copyFile(file: string, toFile: string): Promise<void> {
  const worker = new Worker(new URL('./copy-worker.ts', import.meta.url), { workerData: { file, toFile } });
  return new Promise((resolve, reject) => {
    worker.once('message', () => resolve());
    worker.once('error', reject);
    worker.once('exit', (code) => {
      if (code !== 0) reject(new RecordsError('corrupt', 'a database could not be copied'));
    });
  });
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
