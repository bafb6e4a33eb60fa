import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort, templateFolder } from '@salus/testing';

const repository = resolve(import.meta.dirname, '../../..');
const MAIN = join(repository, 'apps/server/src/main.ts');
const READY_MS = 180_000;
const END_MS = 30_000;
const STARTS_MAX = 3;
const OUTPUT_CHARS_MAX = 20_000;

/** A node in a process of its own, as `npm start` runs it. */
export interface RunningNode {
  readonly url: string;
  readonly process: ChildProcess;
  readonly folder: string;
  /** What it wrote, both streams. */
  readonly output: () => string;
  /** Ends it as Ctrl-C does. */
  readonly end: () => Promise<void>;
  /** Ends it and starts it again at the same address, with another build of the app. */
  readonly serve: (webDirectory: string) => Promise<void>;
}

/**
 * Starts a node with the demonstration in `folder`. The demonstration is founded once for a state of the sources and copied
 * afterwards: what one test file does, no other sees.
 */
export async function startNode(folder: string, webDirectory: string): Promise<RunningNode> {
  // The release of the app is listed at the founding.
  const release = createHash('sha256')
    .update(readFileSync(join(webDirectory, 'release.json')))
    .digest('hex');
  const template = await templateFolder(`web-${release.slice(0, 16)}`, async (making) => {
    const node = await run(making, webDirectory);
    await node.end();
  });
  cpSync(template, folder, { recursive: true });
  return run(folder, webDirectory);
}

async function run(folder: string, webDirectory: string): Promise<RunningNode> {
  for (let attempt = 1; ; attempt += 1) {
    const node = await tryRun(folder, { webDirectory, port: await freePort() });
    if (node !== 'port-in-use') return node;
    if (attempt === STARTS_MAX) throw new Error('no free port was found for a node');
  }
}

interface Serving {
  readonly webDirectory: string;
  readonly port: number;
}

async function tryRun(folder: string, serving: Serving): Promise<RunningNode | 'port-in-use'> {
  let started = await tryStart(folder, serving);
  if (started === 'port-in-use') return started;
  let current = started;
  return {
    url: `http://127.0.0.1:${serving.port}`,
    folder,
    get process() {
      return current.process;
    },
    output: () => current.output(),
    end: () => current.end(),
    serve: async (webDirectory) => {
      await current.end();
      started = await tryStart(folder, { ...serving, webDirectory });
      if (started === 'port-in-use') throw new Error('the port of the node was taken meanwhile');
      current = started;
    },
  };
}

type Started = Pick<RunningNode, 'process' | 'output' | 'end'>;

async function tryStart(folder: string, { webDirectory, port }: Serving): Promise<Started | 'port-in-use'> {
  const child = spawn(process.execPath, [MAIN], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      XDG_CONFIG_HOME: join(folder, 'config'),
      SALUS_DATA: join(folder, 'data'),
      SALUS_PORT: String(port),
      SALUS_WEB: webDirectory,
      SALUS_LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const exit = new Promise<void>((done) => child.once('close', () => done()));
  const ready = new Promise<boolean>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the node was not ready in time: ${text}`)), READY_MS);
    const take = (bytes: Buffer): void => {
      text = (text + bytes.toString()).slice(-OUTPUT_CHARS_MAX);
      if (text.includes('Salus is ready')) resolve(true);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    void exit.then(() => resolve(false)).finally(() => clearTimeout(timer));
  });
  if (!(await ready)) {
    if (text.includes('port-in-use')) return 'port-in-use';
    throw new Error(`the node did not start: ${text}`);
  }
  return {
    process: child,
    output: () => text,
    end: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await exit;
      clearTimeout(timer);
    },
  };
}
