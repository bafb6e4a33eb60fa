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

/** Version of the chaincode definition: it names the bundle, so that an upgrade is a new definition. */
export function definitionVersion({ contracts, sha256hex }: ContractsInUse): string {
  return `${contracts}-${sha256hex}`;
}

/** Label of the chaincode package, from which the service reads which bundle it must be. */
export function packageLabel(contracts: ContractsInUse): string {
  return `salus_${definitionVersion(contracts)}`;
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

/** Keeps a bundle and makes it the one that `up` runs: bundles before it stay, for old blocks name them. */
export function keepContracts(layout: NetworkLayout, contracts: ContractsInUse, code: Uint8Array): void {
  writeIfChanged(bundleFile(layout, contracts), code);
  writeIfChanged(recordFile(layout), `${JSON.stringify({ version: VERSION, ...contracts }, null, 2)}\n`);
}

function recordFile(layout: NetworkLayout): string {
  return join(layout.directory, 'channel', 'contracts.json');
}
