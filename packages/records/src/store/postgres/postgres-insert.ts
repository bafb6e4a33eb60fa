import type { DirectRunner } from '../prepared.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import type { ColumnKinds } from './postgres-schema.ts';

/** Rows of one statement: a message stays small, and the server's other work gets its turn. */
const ROWS_MAX = 1_000;

/**
 * Inserts rows as arrays, one for each column: one statement, one way to the server, whatever their number. With
 * `sent` the last statement is handed over instead of waited for: the server does one after the other.
 */
export function insertManyOn(
  connection: () => PostgresConnection,
  kinds: ColumnKinds,
  sent?: (statement: Promise<unknown>) => void,
): NonNullable<DirectRunner['insertMany']> {
  return async (table, columns, rows) => {
    const text = insertText(kinds, table, columns);
    for (let at = 0; at < rows.length; at += ROWS_MAX) {
      const slice = rows.slice(at, at + ROWS_MAX);
      const values = columns.map((column) => slice.map((row) => row[column] ?? null));
      const statement = connection().named(text, values);
      // A large write waits for the server every so often, so that what it has not taken yet stays small.
      if (sent === undefined || at + ROWS_MAX < rows.length) await statement;
      else sent(statement);
    }
  };
}

function insertText(kinds: ColumnKinds, table: string, columns: readonly string[]): string {
  const arrays = columns.map((column, at) => {
    const kind = kinds.get(table)?.get(column);
    if (kind === undefined) throw new Error(`broken invariant: the table ${table} has no column ${column}`);
    return `$${at + 1}::${kind}[]`;
  });
  const names = columns.map((column) => `"${column}"`).join(', ');
  return `insert into "${table}" (${names}) select * from unnest(${arrays.join(', ')})`;
}
