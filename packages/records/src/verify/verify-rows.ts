import type { DatabaseSync } from 'node:sqlite';
import type { Json } from '@salus/crypto';
import { rowHash } from '../row-entry.ts';
import { coveredBatch } from '../row-hash.ts';
import { rowKeyOf } from '../rows-log.ts';
import type { Report } from './finding.ts';
import { type CoveredRow, coveredName } from './verify-logs.ts';

/**
 * Tables that have a proof of their own: the logs by their trees, records and attachments by their batch. What comes and
 * goes with log-ins of apps, and what waits to be told to subscribers, has none: nothing on record rests on it.
 */
const PROVEN_OTHERWISE = new Set([
  'auditEvent',
  'rowEntry',
  'logNode',
  'record',
  'attachment',
  'artifact',
  'searchToken',
  'notification',
  'feedPosition',
]);
/** A mark that comes and goes with the process: it says how to start, and nothing rests on it. */
const CLEAN_MARK = 'closed-cleanly';

type Row = { readonly [column: string]: Json | Uint8Array };

/** Every row of every covered table is the one that the rows log has, and every row that it has is there. */
export function verifyRows(database: DatabaseSync, covered: ReadonlyMap<string, CoveredRow>, report: Report): void {
  const left = new Map(covered);
  for (const table of tablesOf(database)) {
    const keyColumns = primaryKeyOf(database, table);
    for (const row of database.prepare(`select * from "${table}"`).iterate() as Iterable<Row>) {
      if (isTransient(table, row)) continue;
      const rowKey = rowKeyOf(keyColumns.map((column) => row[column] as string | number));
      const name = coveredName(table, rowKey);
      const entry = covered.get(name);
      left.delete(name);
      report.seen.rows += 1;
      if (entry === undefined || entry.rowHash === null) report.find('row-uncovered', name);
      else if (rowHash(table, columnsOf(table, row)) !== entry.rowHash) report.find('row-changed', name);
    }
  }
  for (const [name, { rowHash: hash }] of left) if (hash !== null) report.find('row-missing', name);
}

function tablesOf(database: DatabaseSync): readonly string[] {
  const rows = database.prepare(`select "name" from sqlite_master where "type" = 'table' order by "name"`).all();
  return rows
    .map((row) => String(row.name))
    .filter((name) => !PROVEN_OTHERWISE.has(name) && !name.startsWith('sqlite_'));
}

function primaryKeyOf(database: DatabaseSync, table: string): readonly string[] {
  const columns = database
    .prepare('select "name", "pk" from pragma_table_info(?) where "pk" > 0 order by "pk"')
    .all(table);
  return columns.map((row) => String(row.name));
}

/** A batch under way is covered once it is committed. */
function isTransient(table: string, row: Row): boolean {
  if (table === 'batch') return row.state === 'pending';
  if (table === 'meta') return row.key === CLEAN_MARK && row.value === 'yes';
  return false;
}

function columnsOf(table: string, row: Row): Row {
  // SQLite's rows have no prototype, and a batch counts with the columns that no longer change.
  if (table === 'batch') return coveredBatch(row as unknown as Parameters<typeof coveredBatch>[0]);
  return { ...row };
}
