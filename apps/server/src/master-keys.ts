import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { writePrivateFile } from '@salus/wallet/node';
import { ServerError } from './server-error.ts';

const VERSION = 'salus:master-keys:v1';
const KEY_BYTES = 32;
const KEY_PATTERN = /^[A-Za-z0-9_-]{43}$/;

/** One key of 32 bytes for each organisation that the process hosts, and one for the ledger's own key. */
export type MasterKeys = ReadonlyMap<string, Uint8Array>;

/**
 * Reads the file of master keys.
 *
 * @throws ServerError `master-key-missing` where the file or an organisation's key is absent; `master-key-exposed`
 *   where others than its owner may read it (not checked on Windows, which has no modes).
 */
export function readMasterKeys(file: string, names: readonly string[]): MasterKeys {
  if (!existsSync(file)) {
    throw new ServerError(
      'master-key-missing',
      `There is no file of master keys at ${file}: restore it, or point SALUS_MASTER_KEY_FILE to it. Without it nothing can be decrypted.`,
    );
  }
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
    throw new ServerError('master-key-exposed', `Others than the owner may read ${file}: run chmod 600 on it.`);
  }
  const keys = parseKeys(readFileSync(file, 'utf8'), file);
  for (const name of names) {
    if (!keys.has(name)) throw new ServerError('master-key-missing', `${file} holds no master key for ${name}.`);
  }
  return keys;
}

/** Draws a key for each name that has none yet and writes the file durably with mode 0600. */
export function ensureMasterKeys(file: string, names: readonly string[]): MasterKeys {
  const keys = new Map(existsSync(file) ? readMasterKeys(file, []) : []);
  const missing = names.filter((name) => !keys.has(name));
  if (missing.length === 0) return keys;
  for (const name of missing) keys.set(name, new Uint8Array(randomBytes(KEY_BYTES)));
  const text = Object.fromEntries([...keys].map(([name, key]) => [name, Buffer.from(key).toString('base64url')]));
  writePrivateFile(file, `${JSON.stringify({ version: VERSION, keys: text }, null, 2)}\n`);
  return keys;
}

function parseKeys(text: string, file: string): Map<string, Uint8Array> {
  const malformed = (): ServerError =>
    new ServerError('master-key-missing', `${file} is not a file of master keys of version ${VERSION}.`);
  let parsed: { readonly version?: unknown; readonly keys?: unknown };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    // The parser's message would quote the file, which holds keys.
    throw malformed();
  }
  if (parsed?.version !== VERSION || typeof parsed.keys !== 'object' || parsed.keys === null) throw malformed();
  return new Map(
    Object.entries(parsed.keys).map(([name, key]: [string, unknown]) => {
      if (typeof key !== 'string' || !KEY_PATTERN.test(key)) throw malformed();
      return [name, new Uint8Array(Buffer.from(key, 'base64url'))];
    }),
  );
}
