import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';
import { RecordsError } from '../../records-error.ts';

/** Where an organisation's tables are: a schema of their own in one database. */
export interface PostgresPlace {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** Undefined where the server knows the account otherwise (a certificate, a socket of the same machine). */
  readonly password: string | undefined;
  /** Undefined only on the same machine: everything else is encrypted, and the server proves its name. */
  readonly tls: ConnectionOptions | undefined;
  readonly schema: string;
}

const DEFAULT_PORT = 5432;
const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);
/** In the URL: the place of the organisation's name, where each organisation has a database or an account of its own. */
const ORGANISATION = '{organisation}';
const PARAMETERS = ['sslrootcert', 'sslcert', 'sslkey', 'host'] as const;

/**
 * Reads `postgresql://user:password@host:port/database?sslrootcert=/file`. `{organisation}` in it stands for the
 * organisation's name with `_` for `-`. Messages of errors hold no part of the URL, which may hold a password.
 *
 * @throws RecordsError `bad-input`
 */
export function postgresPlace(url: string, organisation: string): PostgresPlace {
  const name = organisation.replaceAll('-', '_');
  const filled = url.replaceAll(ORGANISATION, name);
  if (!URL.canParse(filled)) throw refused('is not a URL');
  const parsed = new URL(filled);
  if (parsed.protocol !== 'postgresql:' && parsed.protocol !== 'postgres:')
    throw refused('does not begin with postgresql:');
  const known = new Set<string>(PARAMETERS);
  for (const parameter of parsed.searchParams.keys()) {
    if (!known.has(parameter)) throw refused(`has a parameter that is none of ${PARAMETERS.join(', ')}`);
  }
  const database = decodeURIComponent(parsed.pathname.slice(1));
  if (database === '' || parsed.username === '') throw refused('names no user or no database');
  const socket = parsed.searchParams.get('host');
  if (socket !== null && !socket.startsWith('/')) throw refused('has a host parameter that is no folder');
  const isLocal = socket !== null || LOOPBACK.has(parsed.hostname);
  return {
    host: socket ?? parsed.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: parsed.port === '' ? DEFAULT_PORT : Number(parsed.port),
    database,
    user: decodeURIComponent(parsed.username),
    password: parsed.password === '' ? undefined : decodeURIComponent(parsed.password),
    tls: tlsOf(parsed, isLocal),
    schema: `salus_${name}`,
  };
}

function tlsOf({ hostname, searchParams }: URL, isLocal: boolean): ConnectionOptions | undefined {
  const read = (name: (typeof PARAMETERS)[number]): Buffer | undefined => {
    const file = searchParams.get(name);
    return file === null ? undefined : readFileSync(file);
  };
  const [ca, cert, key] = [read('sslrootcert'), read('sslcert'), read('sslkey')];
  if ((cert === undefined) !== (key === undefined)) throw refused('gives sslcert and sslkey together or not at all');
  if (isLocal && ca === undefined && cert === undefined) return undefined;
  return {
    rejectUnauthorized: true,
    servername: hostname,
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert, key }),
  };
}

function refused(why: string): RecordsError {
  return new RecordsError('bad-input', `the database's URL ${why}`);
}
