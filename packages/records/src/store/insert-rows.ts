import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CompiledQuery, DialectAdapter, Insertable } from 'kysely';
import type { StoreTransaction } from './database.ts';
import { findRunner, runCompiled } from './prepared.ts';
import type { Tables } from './schema.ts';

/** Rows inserted in one turn of the event loop. */
const INSERT_SLICE = 64;

/** Inserts by table and columns, compiled once for each database: compiling costs more than inserting. */
const inserts = new WeakMap<DialectAdapter, Map<string, CompiledQuery>>();

/** Inserts many rows of one shape with one compiled statement. */
export async function insertRows<Table extends keyof Tables & string>(
  trx: StoreTransaction,
  table: Table,
  rows: readonly Insertable<Tables[Table]>[],
): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first) as (keyof Insertable<Tables[Table]> & string)[];
  const insertMany = findRunner(trx)?.insertMany;
  if (insertMany !== undefined) {
    await insertMany(table, columns, rows as readonly Readonly<Record<string, unknown>>[]);
    return;
  }
  const compiled = compiledInsert(trx, table, first);
  for (const [at, row] of rows.entries()) {
    // Readers and sockets get their turn during a large write.
    if (at > 0 && at % INSERT_SLICE === 0) await nextTurn();
    await runCompiled(
      trx,
      compiled,
      columns.map((column) => row[column]),
    );
  }
}

function compiledInsert<Table extends keyof Tables & string>(
  trx: StoreTransaction,
  table: Table,
  first: Insertable<Tables[Table]>,
): CompiledQuery {
  const { adapter } = trx.getExecutor();
  const known = inserts.get(adapter) ?? new Map<string, CompiledQuery>();
  inserts.set(adapter, known);
  const name = [table, ...Object.keys(first)].join();
  const found = known.get(name);
  if (found !== undefined) return found;
  const compiled = trx.insertInto(table).values(first).compile();
  known.set(name, compiled);
  return compiled;
}
