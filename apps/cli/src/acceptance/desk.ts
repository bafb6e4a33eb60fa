import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
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

/** A person at a terminal of their own: a home directory, no TTY, and whatever answers as the node. */
export interface Desk extends Disposable {
  readonly home: string;
  readonly configDirectory: string;
  salus(...words: readonly string[]): Promise<Ran>;
}

export function openDesk(
  given: {
    readonly environment?: NodeJS.ProcessEnv;
    readonly fetch?: typeof fetch;
    readonly nowMs?: () => number;
  } = {},
): Desk {
  const home = mkdtempSync(join(tmpdir(), 'salus-cli-'));
  const configDirectory = join(home, 'salus');
  mkdirSync(configDirectory, { mode: 0o700 });
  return {
    home,
    configDirectory,
    salus: (...words) => runAt(home, words, given),
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  };
}

async function runAt(
  home: string,
  words: readonly string[],
  given: { readonly environment?: NodeJS.ProcessEnv; readonly fetch?: typeof fetch; readonly nowMs?: () => number },
): Promise<Ran> {
  const [stdout, stderr] = [collector(), collector()];
  const surroundings: Surroundings = {
    environment: { XDG_CONFIG_HOME: home, ...given.environment },
    workingDirectory: home,
    streams: { stdin: new PassThrough(), stdout: stdout.stream, stderr: stderr.stream },
    fetch: given.fetch ?? globalThis.fetch,
    nowMs: given.nowMs ?? Date.now,
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
