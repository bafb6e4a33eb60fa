import { type PostgresServer, postgresServer } from '@salus/testing';
import pg from 'pg';
import { type PostgresPlace, postgresPlace } from '../src/store/postgres/postgres-place.ts';

/** On which database the vaults of this test file are: SQLite, unless `usePostgres` was called. */
let server: PostgresServer | undefined;
let count = 0;

/** From now on every `testDatabase` is a database of its own on one server, which the returned function stops. */
export async function usePostgres(): Promise<PostgresServer> {
  server = await postgresServer();
  return server;
}

/** A new, empty database for one test's vaults; undefined: each has its SQLite file. */
export async function testDatabase(): Promise<((organisation: string) => PostgresPlace) | undefined> {
  if (server === undefined) return undefined;
  count += 1;
  const name = `test_${count}`;
  const client = new pg.Client(server.url);
  await client.connect();
  await client.query(`create database "${name}"`);
  await client.end();
  const url = server.url.replace(/postgres$/, name);
  return (organisation) => postgresPlace(url, organisation);
}
