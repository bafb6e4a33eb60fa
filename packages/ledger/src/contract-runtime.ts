import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  CONTRACTS_VERSION,
  type Execution,
  execute,
  type Host,
  type Json,
  type Outcome,
  signerKeyHint,
} from '@salus/contracts';
import { hashTuple, sha256, toBase64url } from '@salus/crypto';
import type { ContractsInUse } from './block.ts';

/** What an engine runs. Only tests and simulators give another than `installedContracts()`. */
export type ContractRuntime = {
  readonly inUse: ContractsInUse;
  execute(host: Host, execution: Execution): Promise<Outcome>;
  signerKeyHint(get: (key: string) => Json | undefined, call: unknown): string | undefined;
};

let installed: ContractRuntime | undefined;

/** The contracts that are installed beside this package. */
export function installedContracts(): ContractRuntime {
  installed ??= { inUse: { version: CONTRACTS_VERSION, bundleHash: hashSources() }, execute, signerKeyHint };
  return installed;
}

/** The installed contracts, unless a test names a module that exports another `runtime`: its URL or absolute path. */
export async function loadRuntime(module: string | undefined): Promise<ContractRuntime> {
  if (module === undefined) return installedContracts();
  const url = module.startsWith('file:') ? module : pathToFileURL(module).href;
  return ((await import(url)) as { readonly runtime: ContractRuntime }).runtime;
}

/**
 * hashTuple('contracts', [[path, SHA-256 of the file], …]) over the contracts' sources in byte order of their paths, tests left
 * out: what exactly ran stands in every block.
 */
function hashSources(): string {
  const folder = dirname(fileURLToPath(import.meta.resolve('@salus/contracts')));
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => relative(folder, join(folder, path)).split(sep).join('/'))
    .sort();
  if (paths.length === 0) throw new Error('broken invariant: the contracts have no sources');
  return hashTuple(
    'contracts',
    paths.map((path) => [path, toBase64url(sha256(readFileSync(join(folder, path))))]),
  );
}
