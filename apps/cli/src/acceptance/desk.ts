import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { copyDemonstration, startDemonstration } from '../../test/founded-demonstration.ts';
import type { Surroundings } from '../command-context.ts';
import { run } from '../program.ts';

/** What one command line left behind. */
export interface Ran {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as the one JSON document of --json. */
  json<T>(): T;
}

export interface DeskOptions {
  readonly environment?: NodeJS.ProcessEnv;
  readonly fetch?: typeof fetch;
  /** A directory that somebody else makes and removes. */
  readonly home?: string;
}

/** A person at a terminal of their own: a home directory, no TTY, and whatever answers as the node. */
export interface Desk extends Disposable {
  readonly home: string;
  readonly configDirectory: string;
  salus(...words: readonly string[]): Promise<Ran>;
  /** Writes a file of mode 0600 into the home directory and returns its path. */
  secretFile(name: string, text: string): string;
}

export function openDesk(options: DeskOptions = {}): Desk {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'salus-cli-'));
  const configDirectory = join(home, 'salus');
  mkdirSync(configDirectory, { recursive: true, mode: 0o700 });
  return {
    home,
    configDirectory,
    salus: (...words) => runAt(home, words, options),
    secretFile: (name, text) => {
      const file = join(home, name);
      writeFileSync(file, `${text}\n`, { mode: 0o600 });
      return file;
    },
    [Symbol.dispose]: () => {
      if (options.home === undefined) rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A node of its own with the demonstration's people, and the desk at which they sit. */
export interface Demonstration extends AsyncDisposable {
  readonly desk: Desk;
  /** Where the node listens now. */
  url(): string;
  /** Ends the node and starts it on another data directory, as an operator does after a restore. */
  reopen(dataDirectory: string): Promise<void>;
  /** Ends the node; the home directory stays until the end. */
  close(): Promise<void>;
}

export async function openDemonstration(): Promise<Demonstration> {
  const home = mkdtempSync(join(tmpdir(), 'salus-acceptance-'));
  await copyDemonstration(home);
  // The desk reads it for each command line: a node started again listens on another port.
  const environment: NodeJS.ProcessEnv = {};
  const start = async (dataDirectory: string) => {
    const server = await startDemonstration(home, dataDirectory);
    Object.assign(environment, { SALUS_PUBLIC_URL: server.url, SALUS_DATA: dataDirectory });
    return server;
  };
  let server = await start(join(home, 'data'));
  return {
    desk: openDesk({ home, environment }),
    url: () => server.url,
    reopen: async (dataDirectory) => {
      await server.close();
      server = await start(dataDirectory);
    },
    close: () => server.close(),
    [Symbol.asyncDispose]: async () => {
      await server.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

async function runAt(home: string, words: readonly string[], options: DeskOptions): Promise<Ran> {
  const [stdout, stderr] = [collector(), collector()];
  const surroundings: Surroundings = {
    environment: { XDG_CONFIG_HOME: home, ...options.environment },
    workingDirectory: home,
    streams: { stdin: new PassThrough(), stdout: stdout.stream, stderr: stderr.stream },
    fetch: options.fetch ?? globalThis.fetch,
    nowMs: Date.now,
  };
  const exit = await run(words, surroundings);
  const [out, err] = [stdout.text(), stderr.text()];
  return { exit, stdout: out, stderr: err, json: () => JSON.parse(out) };
}

function collector(): { readonly stream: Writable; text(): string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer | string, _encoding, done) => {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString('utf8') };
}
