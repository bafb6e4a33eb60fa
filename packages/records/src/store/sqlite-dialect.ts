import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { SqliteDialect } from 'kysely';

/** Statements kept prepared: preparing each time costs six times a small select. */
export const PREPARED_STATEMENTS_MAX = 256;

/** Kysely's SQLite dialect over `node:sqlite`, with prepared statements kept by their text. */
export function sqliteDialect(database: DatabaseSync): SqliteDialect {
  const prepared = new Map<string, PreparedStatement>();
  return new SqliteDialect({
    database: {
      close: () => {
        prepared.clear();
        database.close();
      },
      prepare: (sql) => {
        const known = prepared.get(sql);
        if (known !== undefined) return known;
        const statement = prepareStatement(database.prepare(sql));
        if (prepared.size >= PREPARED_STATEMENTS_MAX) {
          const [oldest] = prepared.keys();
          if (oldest !== undefined) prepared.delete(oldest);
        }
        prepared.set(sql, statement);
        return statement;
      },
    },
  });
}

type PreparedStatement = ReturnType<typeof prepareStatement>;

function prepareStatement(statement: StatementSync) {
  return {
    reader: statement.columns().length > 0,
    all: (parameters: readonly unknown[]) => statement.all(...(parameters as readonly SQLInputValue[])),
    run: (parameters: readonly unknown[]) => statement.run(...(parameters as readonly SQLInputValue[])),
    iterate: (parameters: readonly unknown[]) => statement.iterate(...(parameters as readonly SQLInputValue[])),
  };
}
