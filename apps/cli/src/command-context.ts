import { homedir } from 'node:os';
import { join } from 'node:path';
import { type ApiClient, apiClient } from '@salus/client';
import { readNodeAddresses } from './node-addresses.ts';
import { openTerminal, type Streams, type Terminal } from './terminal.ts';

/** Options that stand before or after any command. */
export interface GlobalOptions {
  readonly json?: boolean;
  readonly node?: string;
  readonly passphraseFile?: string;
  readonly passwordFile?: string;
}

/** What a run takes from outside; a test gives its own. */
export interface Surroundings {
  readonly environment: NodeJS.ProcessEnv;
  readonly workingDirectory: string;
  readonly streams: Streams;
  readonly fetch: typeof fetch;
  nowMs(): number;
}

/** What every command gets. */
export interface CommandContext extends Surroundings {
  readonly terminal: Terminal;
  readonly api: ApiClient;
  /** `${XDG_CONFIG_HOME:-~/.config}/salus`: wallets, and the demonstration's credentials. */
  readonly configDirectory: string;
  /** Where nodes that founded or joined a network put wallets: the own directory, and those that nodes.json names. */
  readonly foundedDirectories: readonly string[];
  readonly passphraseFile: string | undefined;
  readonly passwordFile: string | undefined;
}

export function commandContext(options: GlobalOptions, surroundings: Surroundings): CommandContext {
  const variable = (name: string): string | undefined => surroundings.environment[name] || undefined;
  const configDirectory = join(variable('XDG_CONFIG_HOME') ?? join(homedir(), '.config'), 'salus');
  const named = options.node ?? variable('SALUS_PUBLIC_URL');
  const nodes = readNodeAddresses(variable('SALUS_NODES') ?? join(configDirectory, 'nodes.json'));
  // A node that is named on the command line is asked for everything.
  const urls = named === undefined ? nodes.urls : new Map<string, string>();
  const [first] = urls.values();
  const node = named ?? first ?? `http://127.0.0.1:${variable('SALUS_PORT') ?? '8470'}`;
  return {
    ...surroundings,
    terminal: openTerminal(surroundings.streams, options.json === true),
    api: apiClient(node, surroundings.fetch, urls),
    configDirectory,
    foundedDirectories: [configDirectory, ...nodes.configDirectories],
    passphraseFile: options.passphraseFile ?? variable('SALUS_PASSPHRASE_FILE'),
    passwordFile: options.passwordFile ?? variable('SALUS_PASSWORD_FILE'),
  };
}
