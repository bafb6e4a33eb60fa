import { createHash } from 'node:crypto';
import pg, { type Client, type CustomTypesConfig, type QueryConfig, type QueryResult, type QueryResultRow } from 'pg';
import { LostConnection, translated } from './postgres-errors.ts';
import type { PostgresPlace } from './postgres-place.ts';

/** A statement that takes longer is stopped: by the server first, else by us, who then let the connection go. */
export const STATEMENT_MS_MAX = 60_000;
const ANSWER_MS_MORE = 15_000;
const CONNECT_MS_MAX = 10_000;
/** A transaction that its client has forgotten gives back its locks. */
const IDLE_TRANSACTION_MS_MAX = 600_000;
/** The server finds out that a client's machine is gone: after 10 s of silence it asks thrice, 5 s apart. */
const KEEPALIVE = { idleSeconds: 10, intervalSeconds: 5, countMax: 3 } as const;
/** Texts that get a name, so that the server keeps them planned; all are fixed in the code. */
const NAMED_STATEMENTS_MAX = 2_000;

/** PostgreSQL's numbers of types (pg_type.dat). */
const BYTEA = 17;
const INT8 = 20;
const NUMERIC = 1700;

/** The driver's own parsers but for what `Tables` calls numbers. */
const TYPES = {
  getTypeParser: (id: number, format?: 'text' | 'binary') => {
    if (id === INT8 || id === NUMERIC) return parseNumber;
    if (id === BYTEA) return parseBytes;
    return pg.types.getTypeParser(id, format as 'text');
  },
} as CustomTypesConfig;

/** A connection in which what is sent need not wait for the answer to what was sent before. Errors are `translated`. */
export class PostgresConnection implements AsyncDisposable {
  readonly #client: Client;
  #hasEnded = false;

  constructor(client: Client) {
    this.#client = client;
    client.once('end', () => {
      this.#hasEnded = true;
    });
    // Whoever has sent something hears of the end by the answer that does not come.
    client.on('error', () => {
      this.#hasEnded = true;
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Any statements; several only without values. */
  query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<QueryResult<Row>> {
    return this.#ask({ text, values });
  }

  /** A text that is fixed in the code: parsed and planned once a connection. */
  named<Row extends QueryResultRow>(text: string, values: readonly unknown[]): Promise<QueryResult<Row>> {
    const name = nameOf(text);
    return this.#ask(name === undefined ? { text, values } : { text, values, name });
  }

  /** The server undoes what has not been committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#hasEnded = true;
    // A connection that is gone ends with an error that tells nothing new.
    await this.#client.end().catch(() => undefined);
  }

  async #ask<Row extends QueryResultRow>(query: {
    readonly text: string;
    readonly values: readonly unknown[];
    readonly name?: string;
  }): Promise<QueryResult<Row>> {
    try {
      return await this.#client.query<Row>(query as QueryConfig);
    } catch (error) {
      const told = translated(error);
      if (told instanceof LostConnection) this.#hasEnded = true;
      throw told;
    }
  }
}

/** Rejects `store-unavailable`, or with what the server has against it. */
export async function connect(
  place: PostgresPlace,
  { name, readOnly, statementMs = STATEMENT_MS_MAX }: ConnectOptions,
): Promise<PostgresConnection> {
  const { host, port, database, user, password, tls, schema } = place;
  const client = new pg.Client({
    ...{ host, port, database, user, types: TYPES, pipeline: true, keepAlive: true, ssl: tls ?? false },
    ...(password === undefined ? {} : { password }),
    application_name: name,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    query_timeout: statementMs + ANSWER_MS_MORE,
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS_MAX,
  });
  const connection = new PostgresConnection(client);
  try {
    await client.connect();
    await connection.query(sessionText(schema, readOnly));
    return connection;
  } catch (error) {
    await connection[Symbol.asyncDispose]();
    throw translated(error);
  }
}

export interface ConnectOptions {
  /** What the server's own lists call it. */
  readonly name: string;
  readonly readOnly: boolean;
  readonly statementMs?: number;
}

function sessionText(schema: string, readOnly: boolean): string {
  const { idleSeconds, intervalSeconds, countMax } = KEEPALIVE;
  return [
    `set search_path to "${schema}"`,
    // Weaker ones of the server's settings would acknowledge what the disk does not have.
    `select set_config('synchronous_commit', 'on', false)
      where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')`,
    `set default_transaction_read_only to ${readOnly ? 'on' : 'off'}`,
    `set tcp_keepalives_idle to ${idleSeconds}`,
    `set tcp_keepalives_interval to ${intervalSeconds}`,
    `set tcp_keepalives_count to ${countMax}`,
    // Every query is small and finds by index: compiling one costs more than running it, and a plan that was made while a
    // table was empty must not look through all of it for ever after.
    `set jit to off`,
    `set enable_seqscan to off`,
    `set enable_hashjoin to off`,
    `set enable_mergejoin to off`,
  ].join('; ');
}

const names = new Map<string, string>();

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined || names.size >= NAMED_STATEMENTS_MAX) return known;
  const name = createHash('sha256').update(text).digest('base64url').slice(0, 22);
  names.set(text, name);
  return name;
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError('the database holds a number that JavaScript has not');
  return value;
}

/** `\x` and hexadecimal digits. */
function parseBytes(text: string): Uint8Array {
  return Buffer.from(text.slice(2), 'hex');
}
