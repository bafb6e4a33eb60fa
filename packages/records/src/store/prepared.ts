import type { Compilable, CompiledQuery, DialectAdapter, Kysely } from 'kysely';
import type { Tables } from './schema.ts';
import type { PreparedStatement } from './sqlite-dialect.ts';

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

/** What a statement gives on the connection that its caller chose. */
export type FindStatement = (text: string) => PreparedStatement;

/** Databases whose compiled queries skip Kysely's way to the connection, which costs more than a small select. */
const direct = new WeakMap<DialectAdapter, FindStatement>();

/** From now on prepared queries of this database run on the statements that `find` gives, at once and undivided. */
export function runDirectly(db: Kysely<Tables>, find: FindStatement): void {
  direct.set(db.getExecutor().adapter, find);
}

/** Runs a compiled query with other parameters. */
export async function runCompiled<Row>(
  db: Kysely<Tables>,
  compiled: CompiledQuery<Row>,
  parameters: readonly unknown[],
): Promise<readonly Row[]> {
  const count = compiled.parameters.length;
  if (parameters.length !== count) throw new Error(`broken invariant: a prepared query takes ${count} parameters`);
  const find = direct.get(db.getExecutor().adapter);
  if (find === undefined) return (await db.executeQuery<Row>({ ...compiled, parameters })).rows;
  const statement = find(compiled.sql);
  if (statement.reader) return statement.all(parameters) as readonly unknown[] as readonly Row[];
  statement.run(parameters);
  return [];
}
