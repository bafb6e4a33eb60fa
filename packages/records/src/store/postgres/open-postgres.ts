import { readSqlite } from './postgres-copy.ts';
import { kyselyOver } from './postgres-dialect.ts';
import { insertManyOn } from './postgres-insert.ts';
import type { PostgresPlace } from './postgres-place.ts';
import { demandDurable, makeTables, readColumnKinds, refused } from './postgres-schema.ts';
import { PostgresStore } from './postgres-store.ts';
import { LOCK_WAIT_MS_MAX, PostgresWriter } from './postgres-writer.ts';

export interface OpenPostgresOptions {
  /** What the store is called; one that is there must have this name. */
  readonly storeId: string;
  /** Whether tables may be made. */
  readonly make: boolean;
  /** A store's SQLite file whose rows new tables get. */
  readonly fillFrom: string | undefined;
  /** How long the last writer's lock is waited for. */
  readonly lockWaitMs?: number;
}

/**
 * Opens the store in a schema, makes it where it may, and becomes its only writer.
 *
 * @throws RecordsError `store-refused`, `store-unavailable`, `corrupt`
 */
export async function openPostgresStore(place: PostgresPlace, options: OpenPostgresOptions): Promise<PostgresStore> {
  const writer = new PostgresWriter(place, options.lockWaitMs ?? LOCK_WAIT_MS_MAX);
  try {
    const connection = await writer.lock();
    const db = kyselyOver((text, values) => connection.query(text, values));
    await demandDurable(db);
    await makeTables(db, place.schema, {
      ...options,
      fill: async () => {
        if (options.fillFrom === undefined) return;
        const insertMany = insertManyOn(() => connection, await readColumnKinds(db, place.schema));
        await readSqlite(options.fillFrom, { insertMany, query: (text) => connection.query(text) });
      },
    });
    if ((await writer.take()) !== options.storeId) throw refused('it holds the store of another data directory');
    return new PostgresStore(place, writer, await readColumnKinds(db, place.schema));
  } catch (error) {
    await writer[Symbol.asyncDispose]();
    throw error;
  }
}

/** Drops the schema with everything in it, when it holds this store; where there is none, nothing happens. */
export async function dropPostgresStore(place: PostgresPlace, storeId: string): Promise<void> {
  await using writer = new PostgresWriter(place, LOCK_WAIT_MS_MAX);
  const connection = await writer.lock();
  const { rows } = await connection.query<{ readonly found: string | null }>(
    'select to_regclass($1)::text as "found"',
    [`"${place.schema}"."storeWriter"`],
  );
  if (rows[0]?.found === null) return;
  if ((await writer.take()) !== storeId) throw refused('it holds the store of another data directory');
  await connection.query(`drop schema "${place.schema}" cascade`);
}
