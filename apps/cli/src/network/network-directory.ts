import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundleChaincode } from '@salus/ledger-fabric/bundle';
import {
  type Consortium,
  demonstrationFile,
  type NetworkLayout,
  type NodeSecrets,
  networkLayout,
  organisationsHere,
  parseConsortium,
  requireBinaries,
  requireOutside,
  type UpInput,
} from '@salus/network';
import { ensureMasterKeys } from '@salus/server';
import { Option } from 'commander';
import { CliError } from '../cli-error.ts';
import type { CommandContext } from '../command-context.ts';
import { slug } from '../options.ts';

const DEFAULT_DIRECTORY = 'network-data';

export interface DirectoryOption {
  readonly directory?: string;
}

export interface OrganisationOption {
  readonly org?: string;
}

export function directoryOption(): Option {
  return new Option(
    '--directory <dir>',
    `where the network lives (default: SALUS_NETWORK, else ./${DEFAULT_DIRECTORY})`,
  );
}

export function organisationOption(): Option {
  return new Option(
    '--org <slug>',
    'the organisation that runs on this host (default: all of consortium.yaml)',
  ).argParser(slug);
}

/** Where the network lives; nothing of it need be there yet. */
export function layoutOf(
  { environment, workingDirectory }: CommandContext,
  { directory }: DirectoryOption,
): NetworkLayout {
  const { SALUS_NETWORK } = environment;
  return networkLayout(resolve(workingDirectory, directory ?? (SALUS_NETWORK || DEFAULT_DIRECTORY)));
}

/** A network whose consortium.yaml is there and right. */
export interface OpenNetwork {
  readonly layout: NetworkLayout;
  readonly consortium: Consortium;
}

export function openNetwork(context: CommandContext, options: DirectoryOption): OpenNetwork {
  const layout = layoutOf(context, options);
  if (!existsSync(layout.consortium)) {
    throw new CliError('no-network', `There is no consortium.yaml in ${layout.directory}.`, {
      next: 'Bring a network up with `salus network up`, or name its directory with --directory.',
    });
  }
  return { layout, consortium: parseConsortium(readFileSync(layout.consortium, 'utf8'), layout.consortium) };
}

/** Puts a consortium.yaml into an empty directory: the given one, else the demonstration's. */
export function ensureConsortiumFile(context: CommandContext, layout: NetworkLayout, file: string | undefined): void {
  if (existsSync(layout.consortium)) {
    if (file === undefined) return;
    throw new CliError('network-exists', `${layout.consortium} is there already: edit it instead of giving another.`);
  }
  const source = file === undefined ? demonstrationFile : resolve(context.workingDirectory, file);
  if (!existsSync(source)) throw new CliError('bad-file', `There is no file ${source}.`);
  parseConsortium(readFileSync(source, 'utf8'), source);
  mkdirSync(layout.directory, { recursive: true, mode: 0o700 });
  copyFileSync(source, layout.consortium);
  if (file === undefined)
    context.terminal.say(`A new network of the demonstration's four organisations: ${layout.consortium}`);
}

/** Everything that `up` needs; master keys are drawn for the organisations that run here and have none. */
export async function upInput(
  context: CommandContext,
  { layout, consortium }: OpenNetwork,
  { org }: OrganisationOption,
): Promise<UpInput> {
  const binaries = await requireBinaries({ layout, environment: context.environment });
  const slugs = organisationsHere({ layout, consortium, only: org }).map((one) => one.slug);
  const masterKeys = networkMasterKeys(context, layout, slugs);
  const start = startsProcesses(context);
  return { layout, consortium, binaries, masterKeys, bundle: bundleChaincode, nowMs: context.nowMs, only: org, start };
}

/** Whether commands start processes here, or services of the system do (`SALUS_NETWORK_START=no`). */
export function startsProcesses({ environment }: CommandContext): boolean {
  const value = environment.SALUS_NETWORK_START || 'yes';
  if (value === 'yes' || value === 'no') return value === 'yes';
  throw new CliError('bad-usage', `SALUS_NETWORK_START is yes or no, not ${JSON.stringify(value)}.`);
}

/** Where master keys and the nodes' checkpoints are: never in the network's directory. */
export function nodeSecrets({ environment, workingDirectory, configDirectory }: CommandContext): NodeSecrets {
  const named = environment.SALUS_MASTER_KEY_FILE || join(configDirectory, 'master-keys.json');
  return {
    masterKeyFile: resolve(workingDirectory, named),
    configDirectory: resolve(workingDirectory, configDirectory),
  };
}

/**
 * The keys that seal the organisations' Fabric CAs, by slug, from the same file as the nodes' master keys. The nodes' own are
 * drawn here too: nodes that start together must not write the file at the same time. Throws NetworkError `bad-input` where the
 * file lies inside the network's directory.
 */
export function networkMasterKeys(
  context: CommandContext,
  layout: NetworkLayout,
  slugs: readonly string[],
): ReadonlyMap<string, Uint8Array> {
  const { masterKeyFile } = nodeSecrets(context);
  requireOutside(layout, masterKeyFile, 'The file of master keys');
  const names = new Map(slugs.map((one) => [`network:${one}`, one]));
  const keys = ensureMasterKeys(masterKeyFile, [...names.keys(), ...slugs]);
  return new Map([...names].map(([name, one]) => [one, keys.get(name)!]));
}
