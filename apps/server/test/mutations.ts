import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Seeded } from '../src/demonstration/seeded.ts';
import { filesBelow } from './theft.ts';

type Value = string | number | Uint8Array | null;
type Row = Record<string, Value>;

const POSITIONS_PER_BLOCK = 65_536;
/** A mark that says how to start, and nothing rests on it. */
const CLEAN_MARK = 'closed-cleanly';

/** One change of stored bytes, and any of the places by which verification may name it. */
export interface Mutation {
  readonly what: string;
  readonly places: readonly string[];
  undo(): void;
}

/** Changes one value somewhere in a closed data directory; undefined when SQLite itself refused the change. */
export type Mutator = (directory: string, random: Seeded) => Mutation | undefined;

const LEDGER = join('ledger', 'ledger.sqlite');
const LEDGER_TABLES = ['block', 'body', 'state', 'history', 'refusal'];

export const MUTATORS: Readonly<Record<string, Mutator>> = {
  'a value of the ledger': (directory, random) => changeValue(directory, LEDGER, random, LEDGER_TABLES),
  'a row of the ledger': (directory, random) => deleteRow(directory, LEDGER, random, LEDGER_TABLES),
  'two blocks': swapBlocks,
  'a byte of an object': changeObject,
  'a wrap': (directory, random) => changeValue(directory, storeOf(directory, random), random, ['record'], ['wrap']),
  'an audit row': (directory, random) => changeValue(directory, storeOf(directory, random), random, ['auditEvent']),
  'a value of a store': (directory, random) => changeValue(directory, storeOf(directory, random), random),
  'a row of a store': (directory, random) => deleteRow(directory, storeOf(directory, random), random),
  'an audit row gone': (directory, random) => deleteRow(directory, storeOf(directory, random), random, ['auditEvent']),
};

function storeOf(directory: string, random: Seeded): string {
  return join('orgs', random.pick(readdirSync(join(directory, 'orgs')).sort()), 'records.sqlite');
}

function changeValue(
  directory: string,
  file: string,
  random: Seeded,
  tables?: readonly string[],
  only?: readonly string[],
): Mutation | undefined {
  return change(join(directory, file), (database) => {
    const picked = pickRow(database, random, tables);
    if (picked === undefined) return undefined;
    const { table, row, where } = picked;
    const column = random.pick(only ?? Object.keys(row));
    const value = row[column] ?? null;
    const next = another(value, random);
    const { changes } = database
      .prepare(`update "${table}" set "${column}" = ? where ${where.sql}`)
      .run(next, ...where.values);
    // Where the row's own number was changed, it is found where it stands now.
    const places = [row, { ...row, [column]: next }].flatMap((standing) => placesOf(table, standing));
    return changes === 0 ? undefined : { what: `${file} ${table}.${column}`, places };
  });
}

function deleteRow(directory: string, file: string, random: Seeded, tables?: readonly string[]): Mutation | undefined {
  return change(join(directory, file), (database) => {
    const picked = pickRow(database, random, tables);
    if (picked === undefined) return undefined;
    const { table, row, where } = picked;
    database.prepare(`delete from "${table}" where ${where.sql}`).run(...where.values);
    return { what: `${file} ${table} row deleted`, places: placesOf(table, row) };
  });
}

/** Exchanges headers and transactions of two blocks. */
function swapBlocks(directory: string, random: Seeded): Mutation | undefined {
  return change(join(directory, LEDGER), (database) => {
    const { last } = database.prepare('select max(number) as "last" from block').get() as { last: number };
    const [first, second] = [random.integer(1, last - 1), random.integer(1, last - 1)];
    if (first === second) return undefined;
    const move = (from: number, to: number): void => {
      database.exec(`update block set number = ${to} where number = ${from}`);
      const [start, end] = [from * POSITIONS_PER_BLOCK, (from + 1) * POSITIONS_PER_BLOCK];
      database.exec(
        `update body set position = position + ${(to - from) * POSITIONS_PER_BLOCK} where position >= ${start} and position < ${end}`,
      );
    };
    const aside = last + 1_000;
    move(first, aside);
    move(second, first);
    move(aside, second);
    return { what: `blocks ${first} and ${second} swapped`, places: [` block ${first} `, ` block ${second} `] };
  });
}

function changeObject(directory: string, random: Seeded): Mutation | undefined {
  const path = random.pick(filesBelow(directory).filter((file) => file.endsWith('.pack')));
  const pristine = readFileSync(path);
  const changed = Buffer.from(pristine);
  const at = random.integer(0, changed.length - 1);
  changed[at] = changed[at]! ^ (1 << random.integer(0, 7));
  writeFileSync(path, changed);
  const batch = path.slice(path.lastIndexOf('/') + 1, -'.pack'.length);
  return { what: `${path} byte ${at}`, places: [batch], undo: () => writeFileSync(path, pristine) };
}

/** Runs `act` on a database file; what it did is undone by putting the file's bytes back. */
function change(
  file: string,
  act: (database: DatabaseSync) => Omit<Mutation, 'undo'> | undefined,
): Mutation | undefined {
  const pristine = readFileSync(file);
  const undo = (): void => {
    for (const side of ['-wal', '-shm']) rmSync(`${file}${side}`, { force: true });
    writeFileSync(file, pristine);
  };
  const done = attempt(file, act);
  if (done === undefined) undo();
  return done === undefined ? undefined : { ...done, undo };
}

function attempt(
  file: string,
  act: (database: DatabaseSync) => Omit<Mutation, 'undo'> | undefined,
): Omit<Mutation, 'undo'> | undefined {
  using database = new DatabaseSync(file);
  database.exec('pragma foreign_keys = off');
  try {
    return act(database);
  } catch (error) {
    // A unique index or STRICT refuses the value: a thief would have to rewrite the file, which other mutations do.
    if (error instanceof Error && /constraint|cannot store/.test(error.message)) return undefined;
    throw error;
  }
}

function pickRow(database: DatabaseSync, random: Seeded, among?: readonly string[]) {
  const tables = among ?? tablesOf(database);
  const table = random.pick(tables);
  const rows = database.prepare(`select * from "${table}"`).all() as Row[];
  const kept = rows.filter((row) => row.key !== CLEAN_MARK);
  if (kept.length === 0) return undefined;
  const row = random.pick(kept);
  const columns = database.prepare('select "name", "pk" from pragma_table_info(?)').all(table) as {
    name: string;
    pk: number;
  }[];
  const keys = columns.filter(({ pk }) => pk > 0);
  const names = (keys.length > 0 ? keys : columns).map(({ name }) => name);
  const where = {
    sql: names.map((name) => `"${name}" is ?`).join(' and '),
    values: names.map((name) => row[name] ?? null),
  };
  return { table, row, where };
}

function tablesOf(database: DatabaseSync): readonly string[] {
  const rows = database.prepare(`select "name" from sqlite_master where "type" = 'table' order by "name"`).all();
  return rows.map(({ name }) => String(name)).filter((name) => !name.startsWith('sqlite_'));
}

/** The names by which a row is found again: its block or key on the ledger; its table and keys in a store. */
function placesOf(table: string, row: Row): readonly string[] {
  const block =
    row.number ?? (typeof row.position === 'number' ? Math.floor(row.position / POSITIONS_PER_BLOCK) : undefined);
  const places = block === undefined ? [] : [` block ${Number(block)} `];
  if (typeof row.key === 'string') places.push(` key ${row.key} `, `${table}/${row.key} `);
  if (typeof row.seq === 'number') places.push(`${table}/${row.seq} `, `log at entry ${row.seq} of `);
  if (typeof row.id === 'number') places.push(`${table}/${row.id} `);
  if (typeof row.entry === 'number') {
    places.push(`${table}/${row.entry} `, `${table}/[${row.entry},${Number(row.version)}] `);
  }
  if (table === 'logNode') places.push('logNode/', `${String(row.log)} log`);
  // Random ids and tokens occur in one place only.
  for (const value of Object.values(row))
    if (typeof value === 'string' && /^[\w-]{22}$|^[\w-]{43}$/.test(value)) places.push(value);
  return places;
}

/** Another value of the same type: one bit, one character or one step away. */
function another(value: Value, random: Seeded): Value {
  if (value === null) return 'A'.repeat(22);
  if (typeof value === 'number') return value + random.pick([1, 2, POSITIONS_PER_BLOCK]);
  if (typeof value === 'string') {
    const at = random.integer(0, Math.max(0, value.length - 1));
    return `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`;
  }
  const copy = value.length === 0 ? Uint8Array.of(0) : Uint8Array.from(value);
  const at = random.integer(0, copy.length - 1);
  copy[at] = copy[at]! ^ (1 << random.integer(0, 7));
  return copy;
}
