import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseJson } from '@salus/crypto';
import { writePrivateFile } from '@salus/wallet/node';
import { ServerError } from './server-error.ts';

const NETWORK_FILE_VERSION = 'salus:node:v1';
const NETWORK_FILE_BYTES_MAX = 64 * 1024;
export const ORGANISATIONS_MAX = 64;
const LOCK_WAIT_MS = 0;
const SLUG = /^[a-z][a-z0-9-]{1,31}$/;
const ID = /^[A-Za-z0-9_-]{22}$/;

/** Where everything lies under SALUS_DATA; a backup takes all of it, and none of it opens without the master keys. */
export interface DataLayout {
  readonly directory: string;
  readonly networkFile: string;
  readonly lockFile: string;
  /** There while a founding is under way: names the network whose remains may be cleared away. */
  readonly foundingFile: string;
  /** There while an organisation waits to be admitted: what it goes on with, all of it public or signed. */
  readonly joiningFile: string;
  readonly ledgerFile: string;
  /** The ledger's signing key, sealed under the master key named `ledger`. */
  readonly ledgerKeyFile: string;
  /** The directory of one organisation's vault. */
  organisation(slug: string): string;
}

export function dataLayout(directory: string): DataLayout {
  return {
    directory,
    networkFile: join(directory, 'network.json'),
    lockFile: join(directory, 'node.lock'),
    foundingFile: join(directory, 'founding.json'),
    joiningFile: join(directory, 'joining.json'),
    ledgerFile: join(directory, 'ledger', 'ledger.sqlite'),
    ledgerKeyFile: join(directory, 'ledger', 'key.sealed'),
    organisation: (slug) => join(directory, 'orgs', slug),
  };
}

/** What a node is, in plain: public on the ledger too. `demonstration` marks a network whose wallets lie about. */
export interface NetworkFile {
  readonly network: string;
  /** The hosted organisations, each with the certified id of its node. */
  readonly organisations: readonly { readonly slug: string; readonly node: string }[];
  readonly demonstration: boolean;
  /** The embedded ledger's public key: whoever verifies a copy compares it; null where a consortium orders the blocks. */
  readonly ledgerKey: string | null;
}

/** @returns undefined for an empty or absent directory; a directory with other things in it is refused. */
export function findNetworkFile(layout: DataLayout): NetworkFile | undefined {
  if (existsSync(layout.networkFile)) return parseNetworkFile(readFileSync(layout.networkFile));
  const left = existsSync(layout.directory) ? readdirSync(layout.directory) : [];
  // An interrupted founding left no network.json: it is the last thing that a founding writes.
  const own = ['node.lock', 'founding.json', 'joining.json', 'ledger', 'orgs'];
  const foreign = left.filter((name) => !own.includes(name) && !name.startsWith('node.lock'));
  if (foreign.length > 0) {
    throw new ServerError(
      'data-directory-foreign',
      `SALUS_DATA is neither empty nor a data directory of Salus: it holds ${foreign.length} other entries.`,
    );
  }
  return undefined;
}

export function writeNetworkFile(layout: DataLayout, file: NetworkFile): void {
  writePrivateFile(layout.networkFile, `${JSON.stringify({ version: NETWORK_FILE_VERSION, ...file }, null, 2)}\n`);
}

/**
 * Takes the data directory for this process until the returned lock is disposed or the process ends, however it ends:
 * the lock is the file system's own, held through SQLite.
 *
 * @throws ServerError `data-directory-in-use`
 */
export function lockDataDirectory(layout: DataLayout): Disposable {
  mkdirSync(layout.directory, { recursive: true, mode: 0o700 });
  const database = new DatabaseSync(layout.lockFile, { timeout: LOCK_WAIT_MS });
  try {
    database.exec('PRAGMA journal_mode = DELETE');
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new ServerError('data-directory-in-use', `Another process has ${layout.directory} open: stop it first.`, {
      cause,
    });
  }
  return { [Symbol.dispose]: () => database.close() };
}

function parseNetworkFile(bytes: Uint8Array): NetworkFile {
  const malformed = (options?: ErrorOptions): ServerError =>
    new ServerError(
      'data-directory-foreign',
      `network.json in SALUS_DATA is not of version ${NETWORK_FILE_VERSION}.`,
      options,
    );
  let parsed: Partial<NetworkFile> & { readonly version?: unknown };
  try {
    parsed = parseJson(bytes, { sizeMax: NETWORK_FILE_BYTES_MAX, depthMax: 4 }) as unknown as typeof parsed;
  } catch (cause) {
    throw malformed({ cause });
  }
  const { version, network, organisations, demonstration, ledgerKey } = parsed ?? {};
  const wellFormed =
    version === NETWORK_FILE_VERSION &&
    typeof network === 'string' &&
    typeof demonstration === 'boolean' &&
    (typeof ledgerKey === 'string' || ledgerKey === null) &&
    Array.isArray(organisations) &&
    organisations.length <= ORGANISATIONS_MAX &&
    organisations.every(({ slug, node }) => SLUG.test(String(slug)) && ID.test(String(node)));
  if (!wellFormed) throw malformed();
  return { network, organisations, demonstration, ledgerKey };
}
