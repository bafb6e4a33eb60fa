import type { DatabaseSync } from 'node:sqlite';
import { LedgerError } from '../ledger-error.ts';

/** "SALU": what `file` and `verify` recognise a ledger by. */
export const APPLICATION_ID = 0x53414c55;
export const SCHEMA_VERSION = 1;

/**
 * Five tables and no secondary index, so that every stored byte is either covered by a signed header or follows from what is:
 *
 * - `block`: the canonical header and its signature.
 * - `body`: the exact text of each transaction, in order; `position` = block · 65,536 + index.
 * - `state`: the newest version of every key; `value` null where it was deleted. A committed call is found by its key
 *   `call/<id>`.
 * - `history`: the versions that newer ones replaced, so that a key written once costs one row.
 * - `refusal`: where refused calls stand, which leave no state.
 */
export const TABLES: Readonly<Record<string, string>> = {
  block: 'CREATE TABLE block(number INTEGER PRIMARY KEY, header TEXT NOT NULL, signature TEXT NOT NULL) STRICT',
  body: 'CREATE TABLE body(position INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT',
  state: 'CREATE TABLE state(key TEXT PRIMARY KEY, position INTEGER NOT NULL, value TEXT) STRICT, WITHOUT ROWID',
  history:
    'CREATE TABLE history(key TEXT NOT NULL, position INTEGER NOT NULL, value TEXT, PRIMARY KEY(key, position)) STRICT, WITHOUT ROWID',
  refusal:
    'CREATE TABLE refusal(call TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY(call, position)) STRICT, WITHOUT ROWID',
};

const PLACES = 65_536;

export function positionOf(block: number, index: number): number {
  return block * PLACES + index;
}

export function placeOf(position: number): { readonly block: number; readonly index: number } {
  return { block: Math.floor(position / PLACES), index: position % PLACES };
}

export function createTables(database: DatabaseSync, extra: Readonly<Record<string, string>> = {}): void {
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION};`);
  for (const statement of Object.values({ ...TABLES, ...extra })) database.exec(statement);
}

/** What differs from the schema that this version writes, one phrase each; empty when nothing does. */
export function schemaFaults(database: DatabaseSync, extra: Readonly<Record<string, string>> = {}): readonly string[] {
  const faults: string[] = [];
  const pragma = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  if (pragma('application_id') !== APPLICATION_ID) faults.push('the file is not marked as a ledger');
  if (pragma('user_version') !== SCHEMA_VERSION) faults.push('the file has another schema version');
  const found = new Map<string, unknown>();
  for (const row of database.prepare('SELECT name, sql FROM sqlite_schema').iterate()) {
    const [name, sql] = Object.values(row);
    found.set(String(name), sql);
  }
  for (const [name, sql] of Object.entries({ ...TABLES, ...extra })) {
    if (found.get(name) !== sql) faults.push(`table ${name} is missing or was changed`);
    found.delete(name);
  }
  for (const name of found.keys()) faults.push(`unexpected schema object ${JSON.stringify(name)}`);
  return faults;
}

/** The ledger's mark and these tables as this version writes them, whatever else there is or is missing. */
export function requireTables(database: DatabaseSync, tables: readonly string[]): void {
  const faults = schemaFaults(database).filter((fault) => tables.some((table) => fault.includes(`table ${table} `)));
  if (faults[0] !== undefined) throw new LedgerError('not-a-ledger', faults[0]);
}

export function requireSchema(database: DatabaseSync, extra: Readonly<Record<string, string>> = {}): void {
  const [fault] = schemaFaults(database, extra);
  if (fault !== undefined) throw new LedgerError('not-a-ledger', fault);
}
