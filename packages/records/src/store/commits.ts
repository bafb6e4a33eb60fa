import { close, fdatasync, openSync } from 'node:fs';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { RecordsError } from '../records-error.ts';

/** How a file comes to the disk. */
export type SyncFile = (descriptor: number) => Promise<void>;

const syncFile: SyncFile = promisify(fdatasync);
const closeFile = promisify(close);

/**
 * Transactions of the one writing connection of a database in WAL mode, and when the disk has them.
 *
 * A full commit is what `synchronous=FULL` makes it: the write-ahead log is synced before anybody sees the rows, and the
 * thread waits. An early one is `synchronous=NORMAL`, where SQLite syncs the log only when it starts anew and before it
 * copies it into the database, and `sync` does the rest on another thread. Both leave the same bytes on the disk; no
 * transaction may begin before `sync` has resolved.
 */
export class Commits {
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  /** The log's file: SQLite keeps it for as long as this connection is open, and takes no locks on it that closing would drop. */
  readonly #log: number;
  readonly #sync: SyncFile;
  #isFull = true;
  #isBroken = false;

  /** The schema exists, so that the log does too. */
  constructor(database: DatabaseSync, file: string, sync = syncFile) {
    this.#database = database;
    this.#begin = database.prepare('BEGIN IMMEDIATE');
    this.#commit = database.prepare('COMMIT');
    this.#savepoint = database.prepare('SAVEPOINT job');
    this.#release = database.prepare('RELEASE job');
    this.#sync = sync;
    this.#log = openSync(`${file}-wal`, 'r+');
  }

  /** True when a sync failed: what the disk holds is unknown then, and only a restart tells. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  begin({ isEarly }: { readonly isEarly: boolean }): void {
    if (this.#isBroken) throw new RecordsError('closed', 'the store could not be synced');
    if (this.#isFull === isEarly) {
      this.#database.exec(`PRAGMA synchronous = ${isEarly ? 'NORMAL' : 'FULL'}`);
      this.#isFull = !isEarly;
    }
    this.#begin.run();
  }

  commit(): void {
    this.#commit.run();
  }

  rollback(): void {
    this.#database.exec('ROLLBACK');
  }

  savepoint(): void {
    this.#savepoint.run();
  }

  release(): void {
    this.#release.run();
  }

  /** Undoes what happened since the savepoint, and only that. */
  undo(): void {
    this.#database.exec('ROLLBACK TO job');
    this.#release.run();
  }

  /** Resolves once the last early commit is durable. After a failure nothing is committed any more. */
  async sync(): Promise<void> {
    try {
      await this.#sync(this.#log);
    } catch (cause) {
      this.#isBroken = true;
      throw new RecordsError('closed', 'the store could not be synced', { cause });
    }
  }

  /** Empties the log into the database; false while somebody else reads or writes it. */
  truncateLog(): boolean {
    const { timeout } = this.#database.prepare('PRAGMA busy_timeout').get() as { readonly timeout: number };
    // The wait for a reader must not stop the process.
    this.#database.exec('PRAGMA busy_timeout = 0');
    try {
      const [result] = this.#database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
      return result?.busy === 0;
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${timeout}`);
    }
  }

  async close(): Promise<void> {
    await closeFile(this.#log);
  }
}
