import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Desk, openDesk } from '../src/acceptance/desk.ts';

const MAIN = fileURLToPath(new URL('../../server/src/main.ts', import.meta.url));
const READY = /^Salus is ready at (\S+)/m;
/** A start takes a few seconds; several people may share the machine. */
const START_MS = 120_000;

/** Where an organisation's node listens. */
export interface OrganisationAddress {
  readonly url: string;
  readonly exchangeUrl: string;
}

export interface OrganisationOptions extends OrganisationAddress {
  readonly slug: string;
  /** Its machine: configuration, data, wallets. */
  readonly home: string;
  readonly connectionFile: string;
  readonly peersFile: string;
  readonly nodesFile: string;
}

/** An organisation's server in a process of its own, as `npm start` runs it, and its people's desk. */
export interface OrganisationProcess extends OrganisationAddress {
  readonly slug: string;
  readonly dataDirectory: string;
  readonly applicationFile: string;
  readonly desk: Desk;
  /** All that the process has printed. */
  printed(): string;
  /** Resolves once it is ready; rejects with what it printed when it ends before. */
  start(): Promise<void>;
  /** Resolves once the text was printed. */
  says(text: string): Promise<void>;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

export function organisationProcess(options: OrganisationOptions): OrganisationProcess {
  const { slug, home, url, exchangeUrl } = options;
  mkdirSync(home, { recursive: true });
  const dataDirectory = join(home, 'data');
  let child: ChildProcess | undefined;
  let printed = '';
  const run = (): ChildProcess => {
    const started = spawn(process.execPath, [MAIN], { cwd: home, env: environmentOf(options), stdio: 'pipe' });
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
      });
    }
    return started;
  };
  const says = (pattern: RegExp): Promise<void> => untilPrinted(() => printed, pattern, child);
  return {
    ...{ slug, url, exchangeUrl, dataDirectory },
    applicationFile: join(home, 'salus', 'application.json'),
    desk: openDesk({ home, environment: { SALUS_NODES: options.nodesFile } }),
    printed: () => printed,
    start: () => {
      printed = '';
      child = run();
      return says(READY);
    },
    says: (text) => says(new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))),
    end: async (signal) => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

function environmentOf({ home, url, exchangeUrl, connectionFile, peersFile }: OrganisationOptions): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    XDG_CONFIG_HOME: home,
    SALUS_DATA: join(home, 'data'),
    SALUS_BACKUPS: join(home, 'backups'),
    SALUS_PORT: new URL(url).port,
    SALUS_LEDGER: connectionFile,
    SALUS_EXCHANGE_PORT: new URL(exchangeUrl).port,
    SALUS_EXCHANGE_PEERS: peersFile,
    SALUS_LOG_LEVEL: 'warn',
  };
}

async function untilPrinted(printed: () => string, pattern: RegExp, child: ChildProcess | undefined): Promise<void> {
  const startMs = performance.now();
  while (!pattern.test(printed())) {
    if (child?.exitCode !== null || child.signalCode !== null) throw new Error(`the node ended: ${printed()}`);
    if (performance.now() - startMs > START_MS) throw new Error(`the node was not ready in time: ${printed()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
