import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { SqliteDialect } from 'kysely';

/** Statements kept prepared: preparing each time costs six times a small select. */
export const PREPARED_STATEMENTS_MAX = 256;

/** The prepared statements of one connection, by their text. */
export interface Statements {
  prepare(text: string): PreparedStatement;
  /** Closes the connection. */
  close(): void;
}

export type PreparedStatement = ReturnType<typeof prepareStatement>;

export function statementsOf(database: DatabaseSync): Statements {
  const prepared = new Map<string, PreparedStatement>();
  return {
    close: () => {
      prepared.clear();
      database.close();
    },
    prepare: (text) => {
      const known = prepared.get(text);
      if (known !== undefined) return known;
      const statement = prepareStatement(database.prepare(text));
      if (prepared.size >= PREPARED_STATEMENTS_MAX) {
        const [oldest] = prepared.keys();
        if (oldest !== undefined) prepared.delete(oldest);
      }
      prepared.set(text, statement);
      return statement;
    },
  };
}

/** Kysely's SQLite dialect over `node:sqlite`, with prepared statements kept by their text. */
export function sqliteDialect(database: DatabaseSync | Statements): SqliteDialect {
  return new SqliteDialect({ database: 'exec' in database ? statementsOf(database) : database });
}

function prepareStatement(statement: StatementSync) {
  return {
    reader: statement.columns().length > 0,
    all: (parameters: readonly unknown[]) => statement.all(...(parameters as readonly SQLInputValue[])),
    run: (parameters: readonly unknown[]) => statement.run(...(parameters as readonly SQLInputValue[])),
    iterate: (parameters: readonly unknown[]) => statement.iterate(...(parameters as readonly SQLInputValue[])),
  };
}
