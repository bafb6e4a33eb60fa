import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { writeIfChanged } from '../write-file.ts';

const VERSION = 'salus:contracts-in-use:v1';
const SHA256 = /^[0-9a-f]{64}$/;

/** The bundle of contracts that a channel runs. */
export interface ContractsInUse {
  /** The contracts' own version, `1.0.0`. */
  readonly contracts: string;
  readonly sha256hex: string;
}

/** A bundle of contracts with its name. */
export interface ContractsBundle extends ContractsInUse {
  readonly code: Uint8Array;
}

export function bundleFile(layout: NetworkLayout, { sha256hex }: ContractsInUse): string {
  return join(layout.bundles, `${sha256hex}.cjs`);
}

/** What the network runs; undefined before its first `up`. Throws NetworkError `malformed`. */
export function findContractsInUse(layout: NetworkLayout): ContractsInUse | undefined {
  const file = recordFile(layout);
  if (!existsSync(file)) return undefined;
  const { version, contracts, sha256hex } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  if (
    version !== VERSION ||
    typeof contracts !== 'string' ||
    typeof sha256hex !== 'string' ||
    !SHA256.test(sha256hex)
  ) {
    throw new NetworkError('malformed', `${file} is no record of contracts of version ${VERSION}.`);
  }
  return { contracts, sha256hex };
}

/** Keeps a bundle, named by its hash: bundles before it stay, for old blocks name them. */
export function keepBundle(layout: NetworkLayout, { code, ...contracts }: ContractsBundle): void {
  writeIfChanged(bundleFile(layout, contracts), code);
}

/** Makes a kept bundle the one that `up` runs. */
export function useContracts(layout: NetworkLayout, { contracts, sha256hex }: ContractsInUse): void {
  writeIfChanged(recordFile(layout), `${JSON.stringify({ version: VERSION, contracts, sha256hex }, null, 2)}\n`);
}

function recordFile(layout: NetworkLayout): string {
  return join(layout.directory, 'channel', 'contracts.json');
}
