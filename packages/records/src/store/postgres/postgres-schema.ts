import { type Kysely, sql } from 'kysely';
import { RecordsError } from '../../records-error.ts';
import { POSTGRES_TYPES } from '../column-types.ts';
import type { Tables } from '../schema.ts';
import { createTables, STORE_VERSION } from '../tables.ts';

const SERVER_VERSION_MIN = 140_000;

/** The one row that is not of `Tables`: the schema's version, who writes, and the number of its last commit. */
const WRITER_TABLE = `create table "storeWriter" (
  "one" integer primary key check ("one" = 1), "version" integer not null, "storeId" text not null,
  "writer" text not null, "commits" bigint not null)`;

/** By table, the type of each column: `text`, `bigint` or `bytea`. */
export type ColumnKinds = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * A server that forgets what it acknowledged is none.
 *
 * @throws RecordsError `store-refused`
 */
export async function demandDurable(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ readonly name: string; readonly setting: string }>`
    select "name", "setting" from "pg_settings" where "name" in ('fsync', 'full_page_writes', 'server_version_num', 'server_encoding')
  `.execute(db);
  const settings = new Map(rows.map(({ name, setting }) => [name, setting]));
  if (Number(settings.get('server_version_num')) < SERVER_VERSION_MIN) {
    throw refused(`its version is below ${SERVER_VERSION_MIN / 10_000}`);
  }
  if (settings.get('fsync') !== 'on' || settings.get('full_page_writes') !== 'on') {
    throw refused('fsync or full_page_writes is off: it would lose what it acknowledged');
  }
  if (settings.get('server_encoding') !== 'UTF8') throw refused('its encoding is not UTF8');
}

/** Makes schema and tables where there are none and fills them, in one transaction. Tables of another version throw `corrupt`. */
export async function makeTables(
  db: Kysely<Tables>,
  schema: string,
  options: { readonly storeId: string; readonly make: boolean; readonly fill: () => Promise<void> },
): Promise<void> {
  const { rows } = await sql<{ readonly found: string | null }>`
    select to_regclass(${`"${schema}"."storeWriter"`})::text as "found"`.execute(db);
  if (rows[0]?.found !== null) {
    await demandVersion(db);
    return;
  }
  if (!options.make) throw refused('the store that this data directory names is not in it');
  await sql.raw(`begin; create schema if not exists "${schema}"; ${WRITER_TABLE}`).execute(db);
  try {
    await createTables(db as Kysely<unknown>, POSTGRES_TYPES);
    await sql`insert into "storeWriter" values (1, ${STORE_VERSION}, ${options.storeId}, '', 0)`.execute(db);
    await options.fill();
    await sql`commit`.execute(db);
  } catch (error) {
    await sql`rollback`.execute(db);
    throw error;
  }
}

async function demandVersion(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ readonly version: number }>`select "version" from "storeWriter"`.execute(db);
  const version = rows[0]?.version;
  if (version === STORE_VERSION) return;
  throw new RecordsError('corrupt', `the store has schema ${version ?? 'none'}, expected ${STORE_VERSION}`);
}

export async function readColumnKinds(db: Kysely<Tables>, schema: string): Promise<ColumnKinds> {
  const { rows } = await sql<{ readonly table: string; readonly column: string; readonly kind: string }>`
    select "table_name" as "table", "column_name" as "column", "data_type" as "kind"
    from "information_schema"."columns" where "table_schema" = ${schema}`.execute(db);
  const kinds = new Map<string, Map<string, string>>();
  for (const { table, column, kind } of rows) {
    const columns = kinds.get(table) ?? new Map<string, string>();
    kinds.set(table, columns.set(column, kind));
  }
  return kinds;
}

export function refused(why: string): RecordsError {
  return new RecordsError('store-refused', `the database cannot be the store: ${why}`);
}
