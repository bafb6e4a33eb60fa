import { closeSync, fsyncSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Kysely } from 'kysely';
import type { DirectRunner } from '../prepared.ts';
import type { Tables } from '../schema.ts';
import { sqliteDialect } from '../sqlite-dialect.ts';
import { migrateStore } from '../sqlite-store.ts';
import { connect, type PostgresConnection } from './postgres-connection.ts';
import type { PostgresPlace } from './postgres-place.ts';

/** Rows that are held in memory at once. */
const PAGE_ROWS = 500;
/** As long as the copy of ledger and other databases may take in between. */
const SNAPSHOT_IDLE = '60min';

/**
 * Fixes what is committed now, and returns what writes it into a new SQLite file of the same tables: verification, and a
 * node without PostgreSQL, read it as any other.
 */
export async function beginPostgresCopy(place: PostgresPlace, toFile: string): Promise<() => Promise<void>> {
  const connection = await connect(place, { name: 'salus copy', readOnly: true });
  try {
    await connection.query(
      `set enable_seqscan to on; set idle_in_transaction_session_timeout to '${SNAPSHOT_IDLE}'; begin isolation level repeatable read`,
    );
    // A snapshot is taken by the first query, not by the beginning.
    await connection.query('select 1 from "storeWriter"');
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw error;
  }
  return async () => {
    try {
      await writeSqlite(connection, toFile);
    } finally {
      await connection[Symbol.asyncDispose]();
    }
  };
}

async function writeSqlite(connection: PostgresConnection, toFile: string): Promise<void> {
  using database = await emptySqlite(toFile);
  for (const { table, columns } of tablesOf(database)) {
    const names = columns.map((column) => `"${column}"`).join(', ');
    const insert = database.prepare(`insert into "${table}" (${names}) values (${columns.map(() => '?').join(', ')})`);
    await connection.query(`declare "copied" cursor for select ${names} from "${table}"`);
    for (;;) {
      const { rows } = await connection.query<Record<string, SQLInputValue>>(`fetch ${PAGE_ROWS} from "copied"`);
      if (rows.length === 0) break;
      database.exec('BEGIN');
      for (const row of rows) insert.run(...columns.map((column) => row[column] ?? null));
      database.exec('COMMIT');
    }
    await connection.query('close "copied"');
  }
  const [broken] = database.prepare('PRAGMA foreign_key_check').all();
  if (broken !== undefined) throw new Error(`broken invariant: a row of ${String(broken.table)} lacks what it names`);
  database.close();
  const descriptor = openSync(toFile, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

/** The tables of this version in a new file, in one piece: no log beside it. */
async function emptySqlite(file: string): Promise<DatabaseSync> {
  const database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF');
  await migrateStore(new Kysely<Tables>({ dialect: sqliteDialect(database) }));
  return database;
}

/** Reads a store's SQLite file into empty tables, in the caller's transaction. */
export async function readSqlite(
  file: string,
  { insertMany, query }: { readonly insertMany: NonNullable<DirectRunner['insertMany']>; readonly query: Query },
): Promise<void> {
  using database = new DatabaseSync(file, { readOnly: true });
  for (const { table, columns, counter } of tablesOf(database)) {
    let page: Record<string, unknown>[] = [];
    for (const row of database.prepare(`select * from "${table}"`).iterate()) {
      page.push(row);
      if (page.length < PAGE_ROWS) continue;
      await insertMany(table, columns, page);
      page = [];
      await nextTurn();
    }
    if (page.length > 0) await insertMany(table, columns, page);
    if (counter === undefined) continue;
    await query(
      `select setval(pg_get_serial_sequence('"${table}"', '${counter}'), greatest(max("${counter}"), 1)) from "${table}"`,
    );
  }
}

type Query = (text: string) => Promise<unknown>;

interface CopiedTable {
  readonly table: string;
  readonly columns: readonly string[];
  /** A column that counts by itself. */
  readonly counter: string | undefined;
}

/** In the order in which they were made: what a row names stands before it. */
function tablesOf(database: DatabaseSync): readonly CopiedTable[] {
  const tables = database
    .prepare(`select "name" from "sqlite_master" where "type" = 'table' and "name" not like 'sqlite_%' order by rowid`)
    .all();
  return tables.map(({ name }) => {
    const table = String(name);
    const columns = database.prepare(`select "name" from pragma_table_info(?)`).all(table);
    const names = columns.map((column) => String(column.name));
    return { table, columns: names, counter: names[0] === 'id' ? 'id' : undefined };
  });
}
