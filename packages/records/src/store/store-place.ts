import { existsSync, readFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes, toBase64url } from '@salus/crypto';
import { POSTGRES_MARK } from '../elsewhere.ts';
import { syncDirectory } from '../packs.ts';
import { RecordsError } from '../records-error.ts';
import { openStore, type Store } from './database.ts';
import type { PostgresPlace } from './postgres/postgres-place.ts';

const SQLITE_FILE = 'records.sqlite';
const MARK_VERSION = 'salus:postgresql:v1';

interface Mark {
  readonly version: typeof MARK_VERSION;
  readonly storeId: string;
  /** False until the tables are made and filled: a move that was interrupted goes on. */
  readonly complete: boolean;
}

/**
 * Opens the store of an organisation's directory: SQLite in the directory itself, or PostgreSQL, into which a store that
 * is in the directory moves. A directory whose records are in PostgreSQL opens with nothing else, and a database with no
 * other directory: an empty store must never pass for the one that is elsewhere.
 *
 * @throws RecordsError `store-refused`, `store-unavailable`, `corrupt`
 */
export async function openStoreOf(directory: string, postgres: PostgresPlace | undefined): Promise<Store> {
  const mark = readMark(directory);
  const file = join(directory, SQLITE_FILE);
  if (postgres === undefined) {
    if (mark === undefined) return openStore(file);
    throw new RecordsError('store-refused', 'the records of this data directory are in PostgreSQL: name the database');
  }
  // Loaded where it is used: a node on SQLite does without it.
  const { openPostgresStore } = await import('./postgres/open-postgres.ts');
  const storeId = mark?.storeId ?? toBase64url(randomBytes(16));
  const complete = mark?.complete === true;
  if (mark === undefined) await writeMark(directory, { version: MARK_VERSION, storeId, complete });
  const fillFrom = !complete && existsSync(file) ? file : undefined;
  const store = await openPostgresStore(postgres, { storeId, make: !complete, fillFrom });
  if (!complete) {
    await writeMark(directory, { version: MARK_VERSION, storeId, complete: true });
    // What is erased from now on must not remain in a file that nobody looks at.
    for (const ending of ['', '-wal', '-shm']) await rm(`${file}${ending}`, { force: true });
    await syncDirectory(directory);
  }
  return store;
}

/** Removes the store that belongs to a directory which is to be made anew; one of another directory throws `store-refused`. */
export async function removeStoreOf(directory: string, postgres: PostgresPlace | undefined): Promise<void> {
  const mark = readMark(directory);
  if (mark === undefined || postgres === undefined) return;
  const { dropPostgresStore } = await import('./postgres/open-postgres.ts');
  await dropPostgresStore(postgres, mark.storeId);
}

function readMark(directory: string): Mark | undefined {
  const file = join(directory, POSTGRES_MARK);
  if (!existsSync(file)) return undefined;
  try {
    const mark = JSON.parse(readFileSync(file, 'utf8')) as Partial<Mark>;
    const { version, storeId, complete } = mark;
    if (version === MARK_VERSION && typeof storeId === 'string' && typeof complete === 'boolean') {
      return { version, storeId, complete };
    }
  } catch (cause) {
    throw new RecordsError('corrupt', `${POSTGRES_MARK} is not JSON`, { cause });
  }
  throw new RecordsError('corrupt', `${POSTGRES_MARK} is not of version ${MARK_VERSION}`);
}

async function writeMark(directory: string, mark: Mark): Promise<void> {
  const path = join(directory, POSTGRES_MARK);
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(mark)}\n`);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(directory);
}
