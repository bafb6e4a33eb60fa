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

/** How a database runs compiled queries without Kysely's way to the connection, which costs more than a small select. */
export interface DirectRunner {
  /** The rows at once and undivided, or later, by the connection that its caller chose. */
  run(text: string, parameters: readonly unknown[]): readonly unknown[] | Promise<readonly unknown[]>;
  /**
   * Several rows in one statement, where that saves a way to the database. It may resolve before they are there: then a failure
   * undoes the write when its body has ended.
   */
  readonly insertMany?: (
    table: string,
    columns: readonly string[],
    rows: readonly Readonly<Record<string, unknown>>[],
  ) => Promise<void>;
}

const direct = new WeakMap<DialectAdapter, DirectRunner>();

/** From now on prepared queries of this database go through `runner`. */
export function runDirectly(db: Kysely<Tables>, runner: DirectRunner): void {
  direct.set(db.getExecutor().adapter, runner);
}

export function findRunner(db: Kysely<Tables>): DirectRunner | undefined {
  return direct.get(db.getExecutor().adapter);
}

/** Runs a compiled query with other parameters. */
export async function runCompiled<Row>(
  db: Kysely<Tables>,
  compiled: CompiledQuery<Row>,
  parameters: readonly unknown[],
): Promise<readonly Row[]> {
  const count = compiled.parameters.length;
  if (parameters.length !== count) throw new Error(`broken invariant: a prepared query takes ${count} parameters`);
  const runner = findRunner(db);
  if (runner === undefined) return (await db.executeQuery<Row>({ ...compiled, parameters })).rows;
  const rows = runner.run(compiled.sql, parameters);
  return (rows instanceof Promise ? await rows : rows) as readonly Row[];
}
