import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

const BUSY_TIMEOUT_MS = 5_000;
const PAGE_CACHE_KIB = 16 * 1024;

/**
 * Opens a ledger file without changing anything. Where no write-ahead log waits beside it, the file is all there is, and not
 * even SQLite's own side files are made; else the log is read with it, also while a node is writing.
 */
export function openReadOnly(file: string): DatabaseSync {
  const url = pathToFileURL(resolve(file));
  const logBytes = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (logBytes === 0) url.searchParams.set('immutable', '1');
  const database = new DatabaseSync(url, { readOnly: true, returnArrays: true, timeout: BUSY_TIMEOUT_MS });
  database.exec(`PRAGMA cache_size = -${PAGE_CACHE_KIB}`);
  return database;
}
