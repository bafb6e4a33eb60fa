import type { Compilable, CompiledQuery, Kysely } from 'kysely';
import type { Tables } from './schema.ts';

/** A query compiled once and run with other parameters; their order is that of the text. */
export type Prepared<Row> = (...parameters: readonly unknown[]) => Promise<readonly Row[]>;

/**
 * Building a query costs more than running it (SETUP §6): hot ones are built once, with any values in the places of
 * their parameters.
 */
export function prepareQuery<Row>(db: Kysely<Tables>, query: Compilable<Row>): Prepared<Row> {
  const compiled: CompiledQuery<Row> = query.compile();
  const count = compiled.parameters.length;
  return async (...parameters) => {
    if (parameters.length !== count) throw new Error(`broken invariant: a prepared query takes ${count} parameters`);
    const { rows } = await db.executeQuery<Row>({ ...compiled, parameters });
    return rows;
  };
}
