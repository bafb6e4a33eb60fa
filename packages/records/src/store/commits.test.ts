import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Commits, type SyncFile } from './commits.ts';

let directory: string;
let database: DatabaseSync;
let commits: Commits;
let synced: number[];
let sync: SyncFile;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'salus-commits-'));
  const file = join(directory, 'store.sqlite');
  database = new DatabaseSync(file);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE fact (value INTEGER)');
  synced = [];
  sync = async (descriptor) => void synced.push(descriptor);
  commits = new Commits(database, file, (descriptor) => sync(descriptor));
});
afterEach(async () => {
  await commits.close();
  database.close();
  await rm(directory, { recursive: true });
});

const synchronous = (): unknown => database.prepare('PRAGMA synchronous').get()?.synchronous;
const count = (): unknown => database.prepare('SELECT count(*) AS count FROM fact').get()?.count;

test('leaves syncing to SQLite unless a commit is early', async () => {
  const modes: unknown[] = [];
  for (const isEarly of [false, true, true, false]) {
    commits.begin({ isEarly });
    modes.push(synchronous());
    database.exec('INSERT INTO fact VALUES (1)');
    commits.commit();
    if (isEarly) await commits.sync();
  }
  // SQLite's numbers of NORMAL and FULL.
  expect(modes).toEqual([2, 1, 1, 2]);
  expect(synced).toHaveLength(2);
  expect(count()).toBe(4);
});

test('undoes what follows a savepoint and nothing else', () => {
  commits.begin({ isEarly: true });
  for (const isKept of [true, false, true]) {
    commits.savepoint();
    database.exec('INSERT INTO fact VALUES (1)');
    if (isKept) commits.release();
    else commits.undo();
  }
  commits.commit();
  expect(count()).toBe(2);
});

test('begins nothing any more once the disk refused to sync', async () => {
  sync = () => Promise.reject(Object.assign(new Error('I/O error'), { code: 'EIO' }));
  commits.begin({ isEarly: true });
  commits.commit();
  await expect(commits.sync()).rejects.toMatchObject({ code: 'closed', cause: { code: 'EIO' } });
  expect(commits.isBroken).toBe(true);
  expect(() => commits.begin({ isEarly: false })).toThrow('synced');
});
