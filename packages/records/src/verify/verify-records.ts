import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { Kysely } from 'kysely';
import type { LedgerView } from '../ledger-view.ts';
import { migrateStore, STORE_VERSION, sqliteDialect, type Tables } from '../store/index.ts';
import { type Finding, type Notes, Report, type Seen } from './finding.ts';
import { verifyBatches, verifyLedgerSide } from './verify-batches.ts';
import { verifyAuditLog, verifyRowsLog } from './verify-logs.ts';
import { ObjectFiles } from './verify-objects.ts';
import { verifyRows } from './verify-rows.ts';
import { verifySearch } from './verify-search.ts';

export interface VerifyRecordsOptions {
  /** The organisation's directory, or a copy: `records.sqlite` and `objects/`. Nothing in it is changed. */
  readonly directory: string;
  readonly organisation: string;
  /** State of the ledger that belongs to it, verified before (`@salus/ledger` verify, against the checkpoint). */
  readonly ledger: LedgerView & { readonly network: string };
}

export interface RecordsVerification {
  readonly organisation: string;
  /** Empty: every stored byte is what the ledger vouches for. */
  readonly findings: readonly Finding[];
  readonly seen: Readonly<Seen>;
  readonly notes: Readonly<Notes>;
}

/**
 * Verifies one organisation's store without its master key, in both directions: every column of every row, every byte
 * of every object, and that the ledger holds exactly what the store holds. A cut that took store and ledger back
 * together is the ledger's to find, against a checkpoint from outside.
 */
export async function verifyRecords(options: VerifyRecordsOptions): Promise<RecordsVerification> {
  const { directory, organisation, ledger } = options;
  const report = new Report();
  const file = join(directory, 'records.sqlite');
  if (!existsSync(file)) {
    report.find('database-damaged', `${file} is missing`);
    return { organisation, findings: report.findings, seen: report.seen, notes: report.notes };
  }
  try {
    using opened = openForReading(file);
    const { database } = opened;
    await verifyDatabase(database, report);
    verifyMeta(database, options, report);
    const context = { database, ledger, organisation, report };
    await verifyAuditLog(context);
    verifyRows(database, await verifyRowsLog(context), report);
    verifySearch(database, report);
    const files = new ObjectFiles(join(directory, 'objects'), report);
    await verifyBatches(context, (stored) => files.check(stored));
    await verifyLedgerSide(context);
    await files.countOrphans();
  } catch (error) {
    if (!isSqliteError(error)) throw error;
    report.find('database-damaged', `${file}: ${error.message}`);
  }
  return { organisation, findings: report.findings, seen: report.seen, notes: report.notes };
}

/** Where no write-ahead log waits beside it, the file is all there is, and not even SQLite's side files are made. */
function openForReading(file: string): Disposable & { readonly database: DatabaseSync } {
  const url = pathToFileURL(resolve(file));
  const logBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (logBytes === 0) url.searchParams.set('immutable', '1');
  const database = new DatabaseSync(url, { readOnly: true });
  return { database, [Symbol.dispose]: () => database.close() };
}

/** Pages and indexes agree with each other, and the schema is this version's. */
async function verifyDatabase(database: DatabaseSync, report: Report): Promise<void> {
  for (const row of database.prepare('pragma integrity_check').all()) {
    const text = String(row.integrity_check);
    if (text !== 'ok') report.find('database-damaged', text);
  }
  const version = database.prepare('pragma user_version').get()?.user_version;
  if (version !== STORE_VERSION) report.find('schema-changed', `user_version ${String(version)}`);
  const expected = await freshSchema();
  const actual = schemaOf(database);
  for (const [name, sql] of expected) if (actual.get(name) !== sql) report.find('schema-changed', name);
  for (const name of actual.keys()) if (!expected.has(name)) report.find('schema-changed', name);
}

async function freshSchema(): Promise<ReadonlyMap<string, string>> {
  const database = new DatabaseSync(':memory:');
  const fresh = new Kysely<Tables>({ dialect: sqliteDialect(database) });
  try {
    await migrateStore(fresh);
    return schemaOf(database);
  } finally {
    await fresh.destroy();
  }
}

function schemaOf(database: DatabaseSync): ReadonlyMap<string, string> {
  const rows = database.prepare('select "type", "name", "sql" from sqlite_master').all();
  return new Map(rows.map((row) => [`${String(row.type)} ${String(row.name)}`, String(row.sql)]));
}

function verifyMeta(database: DatabaseSync, { organisation, ledger }: VerifyRecordsOptions, report: Report): void {
  const facts = new Map(
    database
      .prepare('select "key", "value" from "meta"')
      .all()
      .map((row) => [row.key, row.value]),
  );
  if (facts.get('organisation') !== organisation) report.find('meta-changed', 'meta/organisation');
  if (facts.get('network') !== ledger.network) report.find('meta-changed', 'meta/network');
}

function isSqliteError(error: unknown): error is Error {
  return error instanceof Error && (error as { readonly code?: unknown }).code === 'ERR_SQLITE_ERROR';
}
