import { existsSync, readFileSync, statSync } from 'node:fs';
import { CryptoError, parseJson } from '@salus/crypto';
import { CliError } from './cli-error.ts';

const FILE_BYTES_MAX = 64 * 1024;
const NODES_MAX = 64;
const SLUG = /^[a-z][a-z0-9-]{1,31}$/;

/** Where each organisation's own node is reached. The person says so: another organisation's word on it is worth nothing. */
export type NodeAddresses = ReadonlyMap<string, string>;

/**
 * Reads a file of one JSON object, slug → address; empty where it does not exist.
 *
 * @throws CliError `bad-file`
 */
export function readNodeAddresses(file: string): NodeAddresses {
  if (!existsSync(file)) return new Map();
  const bad = (cause?: unknown): CliError =>
    new CliError('bad-file', `${file} is no list of nodes.`, {
      next: 'It is one JSON object: {"hospital-a": "http://127.0.0.1:8470"}.',
      cause,
    });
  if (statSync(file).size > FILE_BYTES_MAX) throw bad();
  let entries: readonly (readonly [string, unknown])[];
  try {
    entries = Object.entries(parseJson(readFileSync(file), { sizeMax: FILE_BYTES_MAX, depthMax: 1 }) ?? {});
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw bad(cause);
  }
  if (entries.length > NODES_MAX) throw bad();
  return new Map(
    entries.map(([slug, address]) => {
      if (!SLUG.test(slug) || typeof address !== 'string') throw bad();
      return [slug, address];
    }),
  );
}
