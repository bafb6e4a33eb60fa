import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TestPlace } from './consortium.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const READY = /^Salus is ready at (\S+)/m;
/** A start takes about two seconds; several people may share the machine. */
const START_MS = 120_000;

/** The server in a process of its own, as `npm start` runs it. */
export interface NodeProcess {
  readonly child: ChildProcess;
  /** Resolves with the URL once the ready line is printed; rejects with what it printed when it ends before. */
  readonly ready: Promise<string>;
  kill(): Promise<void>;
}

export function startNode(
  { directory, settings }: TestPlace,
  environment: Readonly<Record<string, string>> = {},
): NodeProcess {
  const child = spawn(process.execPath, [MAIN], {
    cwd: directory,
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      SALUS_DATA: settings.dataDirectory,
      SALUS_MASTER_KEY_FILE: settings.masterKeyFile,
      SALUS_CHECKPOINT_FILE: settings.checkpointFile,
      XDG_CONFIG_HOME: `${directory}/config`,
      SALUS_PORT: '0',
      SALUS_DEMO: '0',
      SALUS_LOG_LEVEL: 'error',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  return {
    child,
    ready: readyUrl(child),
    // The server's own process id and nothing else.
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function readyUrl(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let printed = '';
  const listen = (chunk: Buffer): void => {
    printed += chunk.toString();
    const url = READY.exec(printed)?.[1];
    if (url !== undefined) resolve(url);
  };
  child.stdout?.on('data', listen);
  child.stderr?.on('data', listen);
  const timer = setTimeout(() => reject(new Error(`the node was not ready in time: ${printed}`)), START_MS);
  child.once('exit', () => {
    clearTimeout(timer);
    reject(new Error(`the node ended before it was ready: ${printed}`));
  });
  promise.then(
    () => clearTimeout(timer),
    () => clearTimeout(timer),
  );
  return promise;
}
