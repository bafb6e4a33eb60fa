import {
  HandleEmptyInListsPlugin,
  Kysely,
  PostgresDialect,
  type PostgresPool,
  replaceWithNoncontingentExpression,
} from 'kysely';
import type { QueryResult } from 'pg';
import type { Tables } from '../schema.ts';

type Query = (text: string, values: readonly unknown[]) => Promise<QueryResult>;

/** Kysely on connections that somebody else opens, shares and closes. */
export function kyselyOver(query: Query): Kysely<Tables> {
  const client = {
    query: (text: string, values: readonly unknown[] = []) => query(text, values),
    release: () => undefined,
  };
  const pool = { options: {}, connect: async () => client, end: async () => undefined };
  // SQLite knows `in ()`, PostgreSQL does not.
  const plugins = [new HandleEmptyInListsPlugin({ strategy: replaceWithNoncontingentExpression })];
  return new Kysely<Tables>({ plugins, dialect: new PostgresDialect({ pool: pool as unknown as PostgresPool }) });
}
