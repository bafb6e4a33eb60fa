import { type Kysely, sql } from 'kysely';
import { artifactTables } from './artifact-migration.ts';
import type { ColumnTypes } from './column-types.ts';
import { exchangeTables } from './exchange-migration.ts';
import { feedTables } from './feed-migration.ts';
import { foreignTables } from './foreign-migration.ts';
import { historyTables } from './history-migration.ts';
import { searchTables } from './search-migration.ts';
import { vaultTables } from './vault-migration.ts';

/** Of the schema; nothing of an earlier one is in use. */
export const STORE_VERSION = 1;

/** Makes every table and index, in the caller's transaction. */
export async function createTables(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  const statements = [
    ...[vaultTables, exchangeTables, artifactTables, feedTables, foreignTables, historyTables, searchTables],
  ].flatMap((tables) => tables(types));
  for (const statement of statements) await sql.raw(statement).execute(db);
}
