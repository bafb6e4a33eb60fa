import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { BlockHeader, EmbeddedBlockHeader, SealedHeader } from '../block.ts';
import { LedgerError } from '../ledger-error.ts';
import type { LogPages } from './maintenance.ts';
import { createTables, positionOf, requireSchema } from './schema.ts';

/** SQLite's page cache of the writing connection; hot pages of `state` stay in it. */
const PAGE_CACHE_KIB = 64 * 1024;
/** Beyond this the writer copies the write-ahead log back by itself; normally the maintenance thread does it earlier. */
const WAL_PAGES_MAX = 65_536;
/** How long a reader's lock may delay a write. */
const BUSY_TIMEOUT_MS = 5_000;

/** A version of a key as it is stored: canonical text, null where the key was deleted. */
export type StoredVersion = { readonly position: number; readonly text: string | null };

/** What one block changes beyond its own row and bodies. */
export type BlockChanges = {
  /** New current versions, each key once, sorted by key. `isNew`: the key is known to have no row yet. */
  readonly current: readonly (StoredVersion & { readonly key: string; readonly isNew: boolean })[];
  /** Versions that were written and replaced within the block. */
  readonly passed: readonly (StoredVersion & { readonly key: string })[];
  readonly refusals: readonly { readonly callId: string; readonly position: number }[];
};

/** Tables that an engine keeps beside the ledger's own, in the same file: name and statement. */
export type ExtraTables = Readonly<Record<string, string>>;

/**
 * The ledger's SQLite file, open for writing by this process alone. All statements are prepared once. The headers are the
 * engine's own kind.
 */
export class LedgerStore<Header extends BlockHeader = EmbeddedBlockHeader> implements Disposable {
  readonly #database: DatabaseSync;
  readonly #lock: DatabaseSync;
  readonly #statements: ReturnType<typeof prepareAll>;

  private constructor(database: DatabaseSync, lock: DatabaseSync) {
    this.#database = database;
    this.#lock = lock;
    this.#statements = prepareAll(database);
  }

  /**
   * Makes a new file that holds one block. It gets its name when it is complete: a power cut before leaves nothing that could
   * be taken for a ledger.
   */
  static found<Header extends BlockHeader>(file: string, genesis: SealedHeader<Header>, extra: ExtraTables = {}): void {
    const unnamed = `${file}.founding`;
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${unnamed}${suffix}`, { force: true });
    {
      using database = openDatabase(unnamed);
      createTables(database, extra);
      prepareAll(database).insertBlock.run(genesis.header.number, genesis.text, genesis.signature);
    }
    renameSync(unnamed, file);
    syncDirectory(dirname(file));
  }

  /** An existing file; SQLite replays its write-ahead log. `not-a-ledger`, `in-use`. */
  static open<Header extends BlockHeader = EmbeddedBlockHeader>(
    file: string,
    extra: ExtraTables = {},
  ): LedgerStore<Header> {
    if (!existsSync(file)) throw new LedgerError('not-a-ledger', 'there is no ledger file');
    const lock = openLock(file);
    const database = openDatabase(file);
    try {
      requireSchema(database, extra);
      return new LedgerStore<Header>(database, lock);
    } catch (error) {
      database.close();
      lock.close();
      throw error;
    }
  }

  head(): SealedRow<Header> | undefined {
    return sealedRow<Header>(this.#statements.head.get());
  }

  header(number: number): SealedRow<Header> | undefined {
    return sealedRow<Header>(this.#statements.header.get(number));
  }

  /** Texts of the transactions of a block, in order. */
  bodies(number: number): readonly string[] {
    const rows = this.#statements.bodies.all(positionOf(number, 0), positionOf(number + 1, 0));
    return rows.map((row) => text(row, 0));
  }

  body(position: number): string | undefined {
    const row = this.#statements.body.get(position);
    return row === undefined ? undefined : text(row, 0);
  }

  version(key: string): StoredVersion | undefined {
    const row = this.#statements.version.get(key);
    return row === undefined ? undefined : { position: integer(row, 0), text: nullableText(row, 1) };
  }

  /** Live entries of [start, end) in byte order. */
  range(start: string, end: string, limit: number): readonly { readonly key: string; readonly text: string }[] {
    return this.#statements.range.all(start, end, limit).map((row) => ({ key: text(row, 0), text: text(row, 1) }));
  }

  /** Replaced versions of a key before a position, newest first. */
  history(key: string, before: number, limit: number): readonly StoredVersion[] {
    const rows = this.#statements.history.all(key, before, limit);
    return rows.map((row) => ({ position: integer(row, 0), text: nullableText(row, 1) }));
  }

  lastRefusal(callId: string): number | undefined {
    const row = this.#statements.lastRefusal.get(callId);
    return row === undefined ? undefined : integer(row, 0);
  }

  /** A statement on the extra tables, with rows as arrays. */
  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql);
  }

  /**
   * Makes a block durable: when it returns, the block survives a power cut; when it throws, nothing of it remains. What `also`
   * writes is part of it.
   */
  commit(
    block: SealedHeader<Header>,
    bodies: readonly string[],
    changes: BlockChanges,
    also: () => void = () => {},
  ): void {
    const { insertBlock, insertBody, insertState, addState, replaceState, archive } = this.#statements;
    const { insertHistory, insertRefusal } = this.#statements;
    const { number } = block.header;
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      insertBlock.run(number, block.text, block.signature);
      for (const [index, body] of bodies.entries()) insertBody.run(positionOf(number, index), body);
      for (const { key, position, text: value, isNew } of changes.current) {
        // A key that is known to be new and is not breaks the block: somebody else has written.
        if (isNew) insertState.run(key, position, value);
        else if (addState.run(key, position, value).changes === 0) {
          archive.run(key);
          replaceState.run(position, value, key);
        }
      }
      for (const { key, position, text: value } of changes.passed) insertHistory.run(key, position, value);
      for (const { callId, position } of changes.refusals) insertRefusal.run(callId, position);
      also();
      this.#database.exec('COMMIT');
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw cause;
    }
  }

  /** How long the write-ahead log is, without touching it. */
  logPages(): LogPages {
    const row = this.#statements.logPages.get();
    return { written: integer(row, 1), copied: integer(row, 2) };
  }

  /** Copies the rest of the write-ahead log back into the file; it starts anew unless a reader needs it. Never waits. */
  copyLog(): void {
    this.#statements.copyLog.get();
  }

  [Symbol.dispose](): void {
    this.#database.close();
    this.#lock.close();
  }
}

/** A block's row: exact header text and signature. */
export type SealedRow<Header extends BlockHeader = EmbeddedBlockHeader> = {
  readonly header: Header;
  readonly text: string;
  readonly signature: string;
};

type Row = Readonly<Record<number, unknown>>;

function openDatabase(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { returnArrays: true, timeout: BUSY_TIMEOUT_MS });
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -${PAGE_CACHE_KIB};
    PRAGMA wal_autocheckpoint = ${WAL_PAGES_MAX}; PRAGMA temp_store = MEMORY;`);
  return database;
}

/**
 * A lock that dies with the process, however it dies: an open exclusive transaction on an empty SQLite file beside the ledger.
 * SQLite's own locks would let a second process append blocks of its own between ours.
 */
export function openLock(file: string): DatabaseSync {
  const lock = new DatabaseSync(`${file}.lock`);
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (cause) {
    lock.close();
    throw new LedgerError('in-use', 'another process has the ledger open', { cause });
  }
}

export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function prepareAll(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  return {
    head: prepare('SELECT header, signature FROM block ORDER BY number DESC LIMIT 1'),
    header: prepare('SELECT header, signature FROM block WHERE number = ?'),
    bodies: prepare('SELECT text FROM body WHERE position >= ? AND position < ? ORDER BY position'),
    body: prepare('SELECT text FROM body WHERE position = ?'),
    version: prepare('SELECT position, value FROM state WHERE key = ?'),
    range: prepare(
      'SELECT key, value FROM state WHERE key >= ? AND key < ? AND value IS NOT NULL ORDER BY key LIMIT ?',
    ),
    history: prepare(
      'SELECT position, value FROM history WHERE key = ? AND position < ? ORDER BY position DESC LIMIT ?',
    ),
    lastRefusal: prepare('SELECT position FROM refusal WHERE call = ? ORDER BY position DESC LIMIT 1'),
    insertBlock: prepare('INSERT INTO block VALUES(?, ?, ?)'),
    insertBody: prepare('INSERT INTO body VALUES(?, ?)'),
    insertState: prepare('INSERT INTO state VALUES(?, ?, ?)'),
    addState: prepare('INSERT INTO state VALUES(?, ?, ?) ON CONFLICT DO NOTHING'),
    replaceState: prepare('UPDATE state SET position = ?, value = ? WHERE key = ?'),
    archive: prepare('INSERT INTO history SELECT key, position, value FROM state WHERE key = ?'),
    insertHistory: prepare('INSERT INTO history VALUES(?, ?, ?)'),
    logPages: prepare('PRAGMA wal_checkpoint(NOOP)'),
    copyLog: prepare('PRAGMA wal_checkpoint(PASSIVE)'),
    insertRefusal: prepare('INSERT INTO refusal VALUES(?, ?)'),
  };
}

function sealedRow<Header extends BlockHeader>(row: unknown): SealedRow<Header> | undefined {
  if (row === undefined) return undefined;
  const headerText = text(row, 0);
  return { header: JSON.parse(headerText) as Header, text: headerText, signature: text(row, 1) };
}

function text(row: unknown, column: number): string {
  return (row as Row)[column] as string;
}

function nullableText(row: unknown, column: number): string | null {
  return (row as Row)[column] as string | null;
}

function integer(row: unknown, column: number): number {
  return (row as Row)[column] as number;
}
