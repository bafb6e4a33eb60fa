import { writeFileSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { scaled } from '@salus/testing';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createStory, laterMedication, type Story } from '../../test/story.ts';
import { BundleWorkers } from '../bundle-workers.ts';
import { type RecordsVerification, verifyRecords } from './verify-records.ts';

const workers = new BundleWorkers(1);
let story: Story;
let copies: string;

/** Each mutation is a verification of the whole store, on a machine that may be busy. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 240_000 });

/** A story with reads, a refusal, a correction, an erasure and a delivery; closed, so that every root is on the ledger. */
beforeAll(async () => {
  story = await createStory(workers);
  const { consortium, author, readerSide, patient } = story;
  const token = await consortium.grant({ author, reader: readerSide, patient });
  const { reader } = readerSide.exchange;
  const { session } = await reader.open(await consortium.use(token, readerSide.clinician));
  const chart = await reader.chart(session);
  for (const recordId of chart.records.keys()) await reader.read(session, [recordId]);
  await reader.readReferences(session, 'unknown', ['Practitioner/x']).catch((error: Error) => error);
  const [added = '', corrected = ''] = await consortium.import(author, [
    laterMedication(story, 'to be erased'),
    laterMedication(story, 'to be corrected'),
  ]);
  await consortium.correct(author, corrected, (resource) => {
    resource.medicationCodeableConcept = { text: 'corrected' };
  });
  await consortium.erase(author, patient, added);
  for (const { exchange } of consortium.members.values()) await exchange.roots.publish();
  copies = await mkdtemp(join(tmpdir(), 'salus-verify-'));
});

afterAll(async () => {
  await story.consortium[Symbol.asyncDispose]();
  await workers[Symbol.asyncDispose]();
  await rm(copies, { recursive: true });
});

async function copyOf(name: string): Promise<string> {
  const directory = join(copies, `${name}-${Math.random()}`);
  await cp(story.consortium.member(name).directory, directory, { recursive: true });
  return directory;
}

async function verifyCopy(name: string, directory: string): Promise<RecordsVerification> {
  return verifyRecords({ directory, organisation: name, ledger: story.consortium.ledger });
}

test('finds nothing in clean stores, having seen every kind of thing', async () => {
  const author = await verifyCopy('hospital-a', await copyOf('hospital-a'));
  expect(author.findings).toEqual([]);
  expect(author.notes).toEqual({ unrooted: 0, pendingBatches: 0, orphanFiles: 0, erasedBeforeRollback: 0 });
  expect(author.seen).toMatchObject({ records: 10, batches: 3 });
  for (const count of Object.entries(author.seen))
    expect(count[0] === 'attachments' || count[1] > 0, count[0]).toBe(true);
  const reader = await verifyCopy('hospital-b', await copyOf('hospital-b'));
  expect(reader.findings).toEqual([]);
  expect(reader.seen.auditEvents).toBeGreaterThan(4);
});

/** A copy whose database is one file, so that a test can put it back as it was. */
async function singleFileCopy(
  name: string,
): Promise<{ readonly directory: string; readonly file: string; readonly pristine: Buffer }> {
  const directory = await copyOf(name);
  const file = join(directory, 'records.sqlite');
  const database = new DatabaseSync(file);
  database.exec('pragma wal_checkpoint(truncate); pragma journal_mode = delete');
  database.close();
  return { directory, file, pristine: await readFile(file) };
}

function changeDatabase(file: string, change: (database: DatabaseSync) => string | undefined): string | undefined {
  const database = new DatabaseSync(file);
  try {
    database.exec('pragma foreign_keys = off');
    return change(database);
  } catch (error) {
    // A unique index or STRICT refuses the value: SQLite noticed by itself.
    if (error instanceof Error && /constraint|cannot store/.test(error.message)) return undefined;
    throw error;
  } finally {
    database.close();
  }
}

function tablesOf(database: DatabaseSync): readonly string[] {
  const rows = database.prepare(`select "name" from sqlite_master where "type" = 'table' order by "name"`).all();
  return rows.map((row) => String(row.name));
}

type Column = { readonly name: string; readonly pk: number };

function columnsOf(database: DatabaseSync, table: string): readonly Column[] {
  return database.prepare('select "name", "pk" from pragma_table_info(?)').all(table) as unknown as Column[];
}

type Value = string | number | Uint8Array | null;

/** The place of one row, by its primary key or else by all its columns. */
function placeOf(
  database: DatabaseSync,
  table: string,
  row: Record<string, Value>,
): { where: string; values: Value[] } {
  const columns = columnsOf(database, table);
  const keys = columns.filter(({ pk }) => pk > 0);
  const names = (keys.length > 0 ? keys : columns).map(({ name }) => name);
  return { where: names.map((name) => `"${name}" is ?`).join(' and '), values: names.map((name) => row[name] ?? null) };
}

function pickRow(database: DatabaseSync, table: string, pick: number): Record<string, Value> | undefined {
  const rows = database.prepare(`select * from "${table}"`).all() as Record<string, Value>[];
  // The mark of a clean end comes and goes, and nothing rests on it.
  const kept = rows.filter((row) => row.key !== 'closed-cleanly');
  return kept[pick % Math.max(1, kept.length)];
}

/** Another value of the same type, one step away. */
function changed(value: Value, pick: number): Value {
  if (value === null) return 'A'.repeat(22);
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'string') {
    const at = pick % Math.max(1, value.length);
    return `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`;
  }
  const copy = value.length === 0 ? Uint8Array.of(0) : Uint8Array.from(value);
  copy[pick % copy.length] = (copy[pick % copy.length] ?? 0) ^ 1;
  return copy;
}

test('finds a change of any column of any table', async () => {
  const { directory, file, pristine } = await singleFileCopy('hospital-a');
  const names = changeDatabase(file, (database) =>
    JSON.stringify(tablesOf(database).flatMap((table) => columnsOf(database, table).map(({ name }) => [table, name]))),
  );
  const tried = new Set<string>();
  for (const [table, column] of JSON.parse(names ?? '[]') as [string, string][]) {
    for (let round = 0; round < scaled(1, 5); round += 1) {
      await writeFile(file, pristine);
      const place = changeDatabase(file, (database) => {
        const pick = round * 7 + column.length;
        const row = pickRow(database, table, pick);
        if (row === undefined) return undefined;
        const { where, values } = placeOf(database, table, row);
        const value = changed(row[column] ?? null, pick);
        const { changes } = database
          .prepare(`update "${table}" set "${column}" = ? where ${where}`)
          .run(value, ...values);
        return Number(changes) > 0
          ? `${table}.${column} ${JSON.stringify(row[column])} → ${JSON.stringify(value)}`
          : undefined;
      });
      if (place === undefined) continue;
      const { findings } = await verifyCopy('hospital-a', directory);
      expect(findings, place).not.toEqual([]);
      tried.add(`${table}.${column}`);
    }
  }
  expect(tried.size).toBeGreaterThan(70);
});

test('finds a deleted row of any table, and a row that was added', async () => {
  const { directory, file, pristine } = await singleFileCopy('hospital-a');
  const names = changeDatabase(file, (database) => JSON.stringify(tablesOf(database)));
  const deleted: string[] = [];
  for (const table of JSON.parse(names ?? '[]') as string[]) {
    for (let round = 0; round < scaled(1, 5); round += 1) {
      await writeFile(file, pristine);
      const place = changeDatabase(file, (database) => {
        const row = pickRow(database, table, round * 3 + 1);
        if (row === undefined) return undefined;
        const { where, values } = placeOf(database, table, row);
        database.prepare(`delete from "${table}" where ${where}`).run(...values);
        return table;
      });
      if (place === undefined) continue;
      const { findings } = await verifyCopy('hospital-a', directory);
      expect(findings, `deleted from ${place}`).not.toEqual([]);
      deleted.push(place);
    }
  }
  expect(new Set(deleted).size).toBeGreaterThan(12);
  await writeFile(file, pristine);
  changeDatabase(file, (database) => {
    database.exec(`insert into "document" values ('staff', 'AAAAAAAAAAAAAAAAAAAAAA', x'00')`);
    return 'added';
  });
  expect((await verifyCopy('hospital-a', directory)).findings).toMatchObject([{ code: 'row-uncovered' }]);
});

test('finds logs that are cut back, even with everything that hangs on them', async () => {
  const { directory, file, pristine } = await singleFileCopy('hospital-a');
  for (const [log, statement] of [
    ['audit', `delete from "auditEvent" where "seq" = (select max("seq") from "auditEvent")`],
    ['rows', `delete from "rowEntry" where "seq" = (select max("seq") from "rowEntry")`],
  ] as const) {
    await writeFile(file, pristine);
    changeDatabase(file, (database) => {
      database.exec(statement);
      return log;
    });
    const { findings } = await verifyCopy('hospital-a', directory);
    expect(findings).toContainEqual({ code: 'log-cut', place: expect.stringContaining(`${log} log at entry`) });
  }
});

test('names the entry that was taken out of a log, and not all that follow', async () => {
  const { directory, file, pristine } = await singleFileCopy('hospital-a');
  for (const table of ['auditEvent', 'rowEntry']) {
    await writeFile(file, pristine);
    changeDatabase(file, (database) => {
      database.exec(`delete from "${table}" where "seq" = 1`);
      return table;
    });
    const { findings } = await verifyCopy('hospital-a', directory);
    expect(findings).toContainEqual({ code: 'log-entry-missing', place: `${table}/1` });
    const changed = findings.filter(({ code }) => code === 'log-entry-changed').map(({ place }) => place);
    // The next one names the hash of what is gone.
    expect(changed).toEqual(table === 'auditEvent' ? [`${table}/2`] : []);
  }
  await writeFile(file, pristine);
});

test('finds two events that were swapped', async () => {
  const { directory, file, pristine } = await singleFileCopy('hospital-a');
  changeDatabase(file, (database) => {
    database.exec(
      `update "auditEvent" set "seq" = -1 where "seq" = 1; update "auditEvent" set "seq" = 1 where "seq" = 2`,
    );
    database.exec(`update "auditEvent" set "seq" = 2 where "seq" = -1`);
    return 'swapped';
  });
  const { findings } = await verifyCopy('hospital-a', directory);
  expect(findings.map(({ place }) => place)).toEqual(expect.arrayContaining(['auditEvent/1', 'auditEvent/2']));
  await writeFile(file, pristine);
});

test('finds a changed byte in any pack, at its place', async () => {
  const directory = await copyOf('hospital-a');
  const packs = await filesUnder(join(directory, 'objects', 'packs'));
  expect(packs.length).toBe(3);
  let mutations = 0;
  for (let round = 0; round < scaled(12, 200); round += 1) {
    const path = packs[round % packs.length]!;
    const pristine = await readFile(path);
    const changedPack = Buffer.from(pristine);
    const at = (round * 7919 + 13) % changedPack.length;
    changedPack[at] = (changedPack[at] ?? 0) ^ (1 << (round % 8));
    await writeFile(path, changedPack);
    const { findings } = await verifyCopy('hospital-a', directory);
    expect(findings.length, `${path} at ${at}`).toBeGreaterThan(0);
    expect(['object-changed', 'erased-remains']).toContain(findings[0]?.code);
    await writeFile(path, pristine);
    mutations += 1;
  }
  expect(mutations).toBe(scaled(12, 200));
  expect((await verifyCopy('hospital-a', directory)).findings).toEqual([]);
});

test('finds a missing, a cut and a longer pack, and counts a file that belongs to nothing', async () => {
  const directory = await copyOf('hospital-a');
  const [path = ''] = await filesUnder(join(directory, 'objects', 'packs'));
  const pristine = await readFile(path);
  await truncate(path, (await stat(path)).size - 1);
  expect((await verifyCopy('hospital-a', directory)).findings[0]).toMatchObject({ code: 'object-changed' });
  await writeFile(path, Buffer.concat([pristine, Buffer.alloc(1)]));
  expect((await verifyCopy('hospital-a', directory)).findings[0]).toMatchObject({ code: 'object-changed' });
  await unlink(path);
  expect((await verifyCopy('hospital-a', directory)).findings).toMatchObject([{ code: 'object-missing' }]);
  await writeFile(path, pristine);
  await writeFile(`${path}.other`, 'x');
  expect(await verifyCopy('hospital-a', directory)).toMatchObject({ findings: [], notes: { orphanFiles: 1 } });
});

test('finds random bytes anywhere in the database file that a value depends on', async () => {
  const { directory, file, pristine } = await singleFileCopy('hospital-a');
  let found = 0;
  const rounds = scaled(12, 120);
  for (let round = 0; round < rounds; round += 1) {
    const broken = Buffer.from(pristine);
    // Whole words are overwritten: single bits of free space mean nothing to any value.
    const at = (round * 104_729 + 4096) % (broken.length - 64);
    broken.fill(0x5a, at, at + 64);
    await writeFile(file, broken);
    const { findings } = await verifyCopy('hospital-a', directory);
    const same = findings.length === 0 && sameValues(file, pristine, directory);
    if (findings.length > 0) found += 1;
    expect(findings.length > 0 || same, `bytes at ${at}`).toBe(true);
  }
  expect(found).toBeGreaterThan(0);
});

test('finds an empty store in the place of one that the ledger knows', async () => {
  const directory = await copyOf('hospital-b');
  const { findings } = await verifyRecords({ directory, organisation: 'hospital-a', ledger: story.consortium.ledger });
  expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['meta-changed', 'not-in-store']));
});

async function filesUnder(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Do all rows read the same as in the pristine file? */
function sameValues(file: string, pristine: Buffer, directory: string): boolean {
  const other = join(directory, 'pristine.sqlite');
  writeFileSync(other, pristine);
  return dump(file) === dump(other);
}

function dump(file: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    return JSON.stringify(tablesOf(database).map((table) => database.prepare(`select * from "${table}"`).all()));
  } finally {
    database.close();
  }
}
