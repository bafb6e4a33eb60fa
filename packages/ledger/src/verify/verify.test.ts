import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { scaled } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newWriter } from '../../test/notebook.ts';
import { newPlace, type Place } from '../../test/open-notebook.ts';
import type { EmbeddedLedger } from '../embedded/embedded-ledger.ts';
import { TABLES } from '../embedded/schema.ts';
import type { Finding } from './finding.ts';
import { type VerifyOptions, type VerifyReport, verifyLedger } from './verify.ts';

/** Rounds for each column: 15 columns, so that a full run makes more than 200 mutations. */
const ROUNDS = scaled(3, 20);
const runtimeModule = new URL('../../test/notebook-runtime.ts', import.meta.url).href;

let place: Place;
let pristine: string;

beforeAll(async () => {
  place = newPlace();
  await using ledger = await place.create();
  await fill(ledger);
  pristine = join(place.folder, 'pristine.db');
  await ledger.backup(pristine);
});

afterAll(() => place.remove());

/** Several writers, overwritten and deleted keys, a replaced signer key, refused calls, blocks of one and of many calls. */
async function fill(ledger: EmbeddedLedger): Promise<void> {
  const writers = [newWriter(), newWriter(), newWriter()];
  for (const writer of writers) await ledger.submit(await writer.enrol());
  for (let round = 0; round < 6; round += 1) {
    const calls = writers.flatMap((writer, at) => [
      writer.write([
        [`page/${at}/${round}`, { round, text: 'ä"\\' }],
        [`hot/${at}`, round],
        ['hot/all', [round, at]],
      ]),
      writer.call('swap', { key: 'hot/all', from: 'never', to: 0 }),
    ]);
    await Promise.all((await Promise.all(calls)).map((call) => ledger.submit(call)));
    await ledger.submit(await writers[0]!.write([[`page/0/${round}`, null]]));
  }
  const [first] = writers as [ReturnType<typeof newWriter>];
  const successor = newWriter();
  await ledger.submit(await first.write([[`key/${first.id}`, successor.signer.publicKey]]));
  const { signer } = { ...successor };
  const renewed = { ...newWriter(), id: first.id, signer };
  expect(renewed.id).toBe(first.id);
  // Names that look like numbers are sorted differently by JavaScript and by RFC 8785.
  await ledger.submit(await writers[1]!.write([['numbers', { '10': 1, '9': 2, a: 3 }]]));
}

function verify(file: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  return verifyLedger(file, { runtimeModule, threads: 0, ...options });
}

/** Runs a change on a fresh copy, and verifies that. */
async function damaged(change: (database: DatabaseSync) => void): Promise<readonly Finding[]> {
  const copy = join(place.folder, 'damaged.db');
  copyFileSync(pristine, copy);
  const database = new DatabaseSync(copy, { defensive: false });
  try {
    change(database);
  } finally {
    database.close();
  }
  return (await verify(copy)).findings;
}

/** A small generator (mulberry32), so that a failing round can be repeated. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const columns = Object.entries(TABLES).flatMap(([table, sql]) => {
  const inside = sql.slice(sql.indexOf('(') + 1, sql.lastIndexOf(')'));
  return [...inside.matchAll(/(?:^|, )([a-z]+) (?:INTEGER|TEXT)/g)].map(([, column]) => [table, column!] as const);
});

describe('verify', () => {
  it('finds nothing wrong in a running ledger, a closed one and a copy', async () => {
    await using ledger = await place.open();
    const report = await verify(place.file, { checkpointFile: place.checkpointFile, threads: 2 });
    expect(report.findings).toEqual([]);
    expect(report.checkpoint).toMatchObject({ kind: 'compared' });
    expect(report.head?.number).toBe(await ledger.height());
    expect(report.transactions).toBe(3 + 6 * 7 + 2);
    expect(report.signatures).toBe(report.transactions + report.blocks);
    expect(report.versions).toBeGreaterThan(90);
    await ledger[Symbol.asyncDispose]();
    const before = readdirSync(place.folder);
    expect((await verify(place.file, { reexecute: true })).findings).toEqual([]);
    const copy = await verify(pristine, { reexecute: true, threads: 1 });
    expect(copy.findings).toEqual([]);
    expect(copy.reexecuted).toBe(copy.transactions);
    expect(readdirSync(place.folder)).toEqual(before);
  });

  it('reports numbers beyond a double and half surrogate pairs, which have no canonical form', async () => {
    const huge = '1e999';
    const changes: readonly (readonly [sql: string, code: string])[] = [
      [`UPDATE body SET text = replace(text, '"round":1', '"round":${huge}')`, 'transaction'],
      [`UPDATE body SET text = replace(text, 'ä', '\\ud800')`, 'transaction'],
      [`UPDATE block SET header = replace(header, '"count":1,', '"count":1,"stateRoot":${huge},')`, 'header'],
      [`UPDATE state SET value = replace(value, '"round":1', '"round":${huge}')`, 'version-unexpected'],
    ];
    for (const [sql, code] of changes) {
      const found = await damaged((database) => expect(database.prepare(sql).run().changes).toBeGreaterThan(0));
      expect(
        found.map((finding) => finding.code),
        sql,
      ).toContain(code);
    }
  });

  it('says when there is no checkpoint to compare with', async () => {
    expect((await verify(pristine)).checkpoint).toEqual({ kind: 'absent' });
    const missing = await verify(pristine, { checkpointFile: join(place.folder, 'none') });
    expect(missing).toMatchObject({ findings: [], checkpoint: { kind: 'absent' } });
  });

  it('knows every column of every table', () => {
    const database = new DatabaseSync(pristine, { readOnly: true });
    const found = Object.keys(TABLES).flatMap((table) =>
      database
        .prepare(`PRAGMA table_info(${table})`)
        .all()
        .map((row) => `${table}.${String(row.name)}`),
    );
    database.close();
    expect(columns.map((column) => column.join('.'))).toEqual(found);
    expect(found.length).toBe(13);
  });

  for (const [table, column] of columns) {
    it(`finds every mutation of ${table}.${column}`, async () => {
      const random = generator(table.length * 1000 + column.length);
      let seen = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const findings = await damaged((database) => mutate(database, table, column, random));
        expect(findings.length, `round ${round}`).toBeGreaterThan(0);
        const named = findings.some((finding) => finding.table === table || finding.code === 'version-missing');
        expect(named, `round ${round}: ${JSON.stringify(findings)}`).toBe(true);
        seen += 1;
      }
      expect(seen).toBe(ROUNDS);
    });
  }

  for (const table of Object.keys(TABLES)) {
    it(`finds a deleted row of ${table}`, async () => {
      const random = generator(table.length);
      for (let round = 0; round < ROUNDS; round += 1) {
        const findings = await damaged((database) => {
          const offset = random(count(database, table));
          database.exec(`DELETE FROM ${table} WHERE ${matchRow(database, table, offset)}`);
        });
        expect(findings.length, `round ${round}`).toBeGreaterThan(0);
      }
    });

    it(`finds two swapped rows of ${table}`, async () => {
      const findings = await damaged((database) => swap(database, table));
      expect(findings.length).toBeGreaterThan(0);
    });
  }

  it('finds added rows, also of blocks that do not exist', async () => {
    const additions = [
      `INSERT INTO state VALUES('page/added', 65536, '1')`,
      `INSERT INTO state VALUES('page/added', 99999999999, '1')`,
      `INSERT INTO state VALUES('page/added', -1, null)`,
      `INSERT INTO history VALUES('hot/all', 7, '1')`,
      `INSERT INTO history VALUES('hot/all', 99999999999, '1')`,
      `INSERT INTO history VALUES('page/added', 65536, '1')`,
      `INSERT INTO refusal VALUES('${'A'.repeat(43)}', 65536)`,
      `INSERT INTO refusal VALUES('${'A'.repeat(43)}', 99999999999)`,
      `INSERT INTO body VALUES(99999999999, '{}')`,
      `INSERT INTO body VALUES(-5, '{}')`,
      `INSERT INTO body VALUES(65700, '{}')`,
      `INSERT INTO block VALUES(-1, '{}', '')`,
      `INSERT INTO block VALUES(9999, '{}', '')`,
      `INSERT INTO block VALUES(99999999999, '{}', '')`,
    ];
    for (const sql of additions) {
      const findings = await damaged((database) => database.exec(sql));
      expect(findings.length, sql).toBeGreaterThan(0);
    }
  });

  it('finds a version moved between state and history', async () => {
    const findings = await damaged((database) => {
      database.exec(`CREATE TEMP TABLE old AS SELECT * FROM history WHERE key = 'hot/all' ORDER BY position DESC LIMIT 1;
        CREATE TEMP TABLE new AS SELECT * FROM state WHERE key = 'hot/all';
        DELETE FROM history WHERE key = 'hot/all' AND position = (SELECT position FROM old);
        DELETE FROM state WHERE key = 'hot/all';
        INSERT INTO state SELECT * FROM old; INSERT INTO history SELECT * FROM new;`);
    });
    expect(findings).toMatchObject([{ code: 'version-order', key: 'hot/all' }]);
  });

  it('finds changes of the schema', async () => {
    const changes = [
      'CREATE INDEX extra ON state(position)',
      'CREATE TABLE extra(x)',
      'CREATE TRIGGER hide AFTER INSERT ON state BEGIN SELECT 1; END',
      'CREATE VIEW seen AS SELECT 1',
      'PRAGMA user_version = 2',
      'PRAGMA application_id = 1',
      'DROP TABLE refusal',
    ];
    for (const sql of changes) {
      const findings = await damaged((database) => database.exec(sql));
      expect(findings, sql).toMatchObject([{ code: 'schema' }]);
    }
  });

  it('names block, transaction, key and table of a changed value', async () => {
    const findings = await damaged((database) => {
      database.exec(`UPDATE state SET value = '77' WHERE key = 'hot/1'`);
    });
    const [wrong, missing] = findings;
    expect(wrong).toMatchObject({ code: 'version-unexpected', table: 'state', key: 'hot/1' });
    expect(missing).toMatchObject({ code: 'version-missing', key: 'hot/1', block: wrong?.block, index: wrong?.index });
    expect(findings.length).toBe(2);
  });

  it('blames the table, not the calls, when a signer’s stored key was replaced', async () => {
    const findings = await damaged((database) => {
      const key = `key/${newWriter().id}`.slice(0, 4);
      database.exec(
        `UPDATE state SET value = '"${newWriter().signer.publicKey}"' WHERE key > '${key}' AND key < 'key0'`,
      );
    });
    expect(findings.length).toBeGreaterThan(0);
    expect(new Set(findings.map(({ code }) => code))).toEqual(new Set(['version-unexpected', 'version-missing']));
  });

  it('finds a flipped byte anywhere in the stored pages of the file', async () => {
    const random = generator(4711);
    const copy = join(place.folder, 'flipped.db');
    const original = readFileSync(pristine);
    const stored = dump(pristine);
    let seen = 0;
    for (let round = 0; round < scaled(20, 150); round += 1) {
      const bytes = Buffer.from(original);
      const at = random(bytes.length);
      bytes[at] = bytes[at]! ^ (1 << random(8));
      writeFileSync(copy, bytes);
      // What pages left behind in their free space is no stored value.
      if (dump(copy) === stored) continue;
      seen += 1;
      const { findings } = await verify(copy);
      expect(findings.length, `byte ${at}`).toBeGreaterThan(0);
    }
    expect(seen).toBeGreaterThan(scaled(10, 75));
    expect(existsSync(`${copy}-wal`)).toBe(false);
  });

  it('reports a file that is no database, is empty or was cut off, and throws for none', async () => {
    const copy = join(place.folder, 'broken.db');
    const original = readFileSync(pristine);
    const files: [string, Buffer][] = [
      ['garbage', Buffer.from('this is no ledger at all, not even nearly, however long it is'.repeat(100))],
      ['empty', Buffer.alloc(0)],
      ['half', original.subarray(0, original.length / 2)],
      ['page', original.subarray(0, 4096)],
    ];
    for (const [name, bytes] of files) {
      writeFileSync(copy, bytes);
      for (const threads of [0, 1]) {
        const { findings } = await verify(copy, { threads });
        expect(findings.length, name).toBeGreaterThan(0);
        expect(['unreadable', 'schema'], name).toContain(findings[0]?.code);
      }
    }
    await expect(verify(join(place.folder, 'none.db'))).rejects.toMatchObject({ code: 'not-a-ledger' });
  });

  it('finds a tail that was cut off consistently, by the checkpoint only', async () => {
    const copy = join(place.folder, 'cut.db');
    copyFileSync(pristine, copy);
    const database = new DatabaseSync(copy);
    const head = Number(Object.values(database.prepare('SELECT max(number) FROM block').get() ?? {})[0]);
    // The last block wrote one new key and its call: a consistent cut removes exactly that.
    database.exec(`DELETE FROM state WHERE position >= ${head * 65536}; DELETE FROM body WHERE position >= ${head * 65536};
      DELETE FROM block WHERE number = ${head}`);
    database.close();
    expect(await verify(copy)).toMatchObject({ findings: [], checkpoint: { kind: 'absent' } });
    const { findings } = await verify(copy, { checkpointFile: place.checkpointFile });
    expect(findings).toMatchObject([{ code: 'checkpoint', block: head }]);
  });
});

/** All rows of all tables, or that the file cannot be read. */
function dump(file: string): string {
  try {
    using database = new DatabaseSync(file, { readOnly: true });
    const tables = ['sqlite_schema', ...Object.keys(TABLES)];
    return JSON.stringify(tables.map((table) => database.prepare(`SELECT * FROM ${table}`).all()));
  } catch (error) {
    return String(error);
  }
}

function count(database: DatabaseSync, table: string): number {
  return Number(Object.values(database.prepare(`SELECT count(*) FROM ${table}`).get() ?? {})[0]);
}

/** A condition that only the row at `offset` meets. */
function matchRow(database: DatabaseSync, table: string, offset: number): string {
  const keys: Record<string, string> = {
    block: 'number',
    body: 'position',
    state: 'key',
    history: 'key, position',
    refusal: 'call, position',
  };
  const row =
    database.prepare(`SELECT ${keys[table]} FROM ${table} ORDER BY ${keys[table]} LIMIT 1 OFFSET ${offset}`).get() ??
    {};
  return Object.entries(row)
    .map(([column, value]) => `${column} = ${typeof value === 'string' ? `'${value}'` : String(value)}`)
    .join(' AND ');
}

/** Changes one character, bit or digit of one row's column. */
function mutate(database: DatabaseSync, table: string, column: string, random: (below: number) => number): void {
  const where = matchRow(database, table, random(count(database, table)));
  const value = Object.values(database.prepare(`SELECT ${column} FROM ${table} WHERE ${where}`).get() ?? {})[0];
  let next: string | number | null;
  if (value === null) next = '1';
  else if (typeof value === 'number') next = value + 1 + random(5) * 65536;
  else {
    const text = String(value);
    const at = random(text.length);
    const other = String.fromCharCode(text.charCodeAt(at) ^ (1 << random(5)));
    // Every fourth mutation adds a character instead: white space must count too.
    next = random(4) === 0 ? `${text.slice(0, at)} ${text.slice(at)}` : text.slice(0, at) + other + text.slice(at + 1);
  }
  database.exec('PRAGMA foreign_keys = OFF');
  database.prepare(`UPDATE OR REPLACE ${table} SET ${column} = ? WHERE ${where}`).run(next);
}

/** Exchanges the contents of two rows, keeping their keys. */
function swap(database: DatabaseSync, table: string): void {
  const last = count(database, table) - 2;
  const [first, second] = [matchRow(database, table, 3), matchRow(database, table, last)];
  const contents: Record<string, string> = {
    block: 'header, signature',
    body: 'text',
    state: 'position, value',
    history: 'value',
    refusal: 'position',
  };
  const columnsOf = contents[table]!.split(', ');
  const read = (where: string) =>
    Object.values(database.prepare(`SELECT ${contents[table]} FROM ${table} WHERE ${where}`).get() ?? {});
  const [one, two] = [read(first), read(second)];
  expect(one).not.toEqual(two);
  const set = columnsOf.map((column) => `${column} = ?`).join(', ');
  database.prepare(`UPDATE ${table} SET ${set} WHERE ${first}`).run(...(two as string[]));
  database.prepare(`UPDATE ${table} SET ${set} WHERE ${second}`).run(...(one as string[]));
}
