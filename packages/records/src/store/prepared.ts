import type { Compilable, CompiledQuery, DialectAdapter, Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** A query compiled once and run with other parameters; their order is that of the text. */
export type Prepared<Row> = (...parameters: readonly unknown[]) => Promise<readonly Row[]>;

/**
 * Building a query costs more than running it (SETUP §6): hot ones are built once, with any values in the places of
 * their parameters.
 */
export function prepareQuery<Row>(db: Kysely<Tables>, query: Compilable<Row>): Prepared<Row> {
  const compiled: CompiledQuery<Row> = query.compile();
  return (...parameters) => runCompiled(db, compiled, parameters);
}

/** As `prepareQuery`, for queries that run inside transactions: built once for each database, run in any transaction of it. */
export function prepareForTransactions<Row>(
  build: (db: Kysely<Tables>) => Compilable<Row>,
): (trx: Kysely<Tables>, ...parameters: readonly unknown[]) => Promise<readonly Row[]> {
  const known = new WeakMap<DialectAdapter, CompiledQuery<Row>>();
  return (trx, ...parameters) => {
    // The adapter belongs to the database; the transaction is new each time.
    const { adapter } = trx.getExecutor();
    let compiled = known.get(adapter);
    if (compiled === undefined) {
      compiled = build(trx).compile();
      known.set(adapter, compiled);
    }
    return runCompiled(trx, compiled, parameters);
  };
}

async function runCompiled<Row>(
  db: Kysely<Tables>,
  compiled: CompiledQuery<Row>,
  parameters: readonly unknown[],
): Promise<readonly Row[]> {
  const count = compiled.parameters.length;
  if (parameters.length !== count) throw new Error(`broken invariant: a prepared query takes ${count} parameters`);
  const { rows } = await db.executeQuery<Row>({ ...compiled, parameters });
  return rows;
}
