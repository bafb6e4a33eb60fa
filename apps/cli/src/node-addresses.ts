import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CryptoError, parseJson } from '@salus/crypto';
import { CliError } from './cli-error.ts';

const FILE_BYTES_MAX = 64 * 1024;
const NODES_MAX = 64;
const SLUG = /^[a-z][a-z0-9-]{1,31}$/;

/** Where each organisation's own node is reached. The person says so: another organisation's word on it is worth nothing. */
export interface NodeAddresses {
  readonly urls: ReadonlyMap<string, string>;
  /** Configuration directories of nodes of this machine, among whose wallets a demonstration's people are found. */
  readonly configDirectories: readonly string[];
}

/**
 * Reads a file of one JSON object: slug → address, or slug → `{url, config}` with the configuration directory of a node on
 * this machine, relative to the file. Nothing where it does not exist.
 *
 * @throws CliError `bad-file`
 */
export function readNodeAddresses(file: string): NodeAddresses {
  if (!existsSync(file)) return { urls: new Map(), configDirectories: [] };
  const bad = (cause?: unknown): CliError =>
    new CliError('bad-file', `${file} is no list of nodes.`, {
      next: 'It is one JSON object: {"hospital-a": "http://127.0.0.1:8470"}.',
      cause,
    });
  if (statSync(file).size > FILE_BYTES_MAX) throw bad();
  let entries: readonly (readonly [string, unknown])[];
  try {
    entries = Object.entries(parseJson(readFileSync(file), { sizeMax: FILE_BYTES_MAX, depthMax: 2 }) ?? {});
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw bad(cause);
  }
  if (entries.length > NODES_MAX) throw bad();
  const urls = new Map<string, string>();
  const configDirectories: string[] = [];
  for (const [slug, entry] of entries) {
    const { url, config } = (typeof entry === 'string' ? { url: entry } : (entry ?? {})) as {
      readonly url?: unknown;
      readonly config?: unknown;
    };
    const isPath = config === undefined || typeof config === 'string';
    if (!SLUG.test(slug) || typeof url !== 'string' || !isPath) throw bad();
    urls.set(slug, url);
    if (config !== undefined) configDirectories.push(resolve(dirname(file), config));
  }
  return { urls, configDirectories };
}
