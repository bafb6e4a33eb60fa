import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';

/** An S3-compatible server of this test's own, with one empty bucket. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Where the bucket's objects lie as files. */
  readonly folder: string;
  /** Ends the server at once; `start` starts it again on the same files. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

const REGION = 'us-east-1';
const BUCKET = 'salus';
const START_MS_MAX = 60_000;
const POLL_MS = 50;
let announced = false;

/**
 * The path of versitygw (`go install github.com/versity/versitygw/cmd/versitygw@v1.8.0`): `VERSITYGW_BIN`, else a folder of
 * PATH or `~/go/bin`. Without it stderr says once what is skipped; under `SALUS_TEST_REQUIRE=all` its absence throws.
 */
export function s3Binary(): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), join(homedir(), 'go', 'bin')];
  const named = process.env.VERSITYGW_BIN;
  const found = [...(named === undefined ? [] : [named]), ...folders.map((folder) => join(folder, 'versitygw'))];
  const program = found.find(isProgram);
  if (program !== undefined) return program;
  const missing =
    'versitygw, the S3 server of these tests, is absent: go install github.com/versity/versitygw/cmd/versitygw@v1.8.0';
  if (process.env.SALUS_TEST_REQUIRE === 'all') throw new Error(missing);
  if (!announced) {
    announced = true;
    process.stderr.write(`skipped: ${missing}\n`);
  }
  return undefined;
}

export async function s3Server(program: string): Promise<S3Server> {
  const root = mkdtempSync(join(tmpdir(), 'salus-s3-'));
  const folder = join(root, BUCKET);
  mkdirSync(folder);
  const [accessKeyId, secretAccessKey] = ['salus', randomBytes(24).toString('base64url')];
  const port = await freePort();
  const environment = { ...process.env, ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey };
  const start = async (): Promise<ChildProcess> => {
    const flags = ['--port', `127.0.0.1:${port}`, '--region', REGION, '--quiet', '--keep-alive', 'posix', root];
    // Its input ends with this process.
    const guard = 'exec 3<&0; "$@" 3<&- & server=$!; (cat <&3; kill $server) >/dev/null 2>&1 & wait $server';
    const server = spawn('sh', ['-c', guard, 'sh', program, ...flags], {
      env: environment,
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    const endMs = Date.now() + START_MS_MAX;
    while (!(await isOpen(port))) {
      if (Date.now() > endMs || server.exitCode !== null) throw new Error('versitygw did not start');
      await delay(POLL_MS);
    }
    return server;
  };
  let server = await start();
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) return;
    const ended = once(server, 'exit');
    // The shell and the server are a group of their own.
    process.kill(-server.pid, 'SIGKILL');
    await ended;
  };
  return {
    ...{ endpoint: `http://127.0.0.1:${port}`, region: REGION, bucket: BUCKET, accessKeyId, secretAccessKey, folder },
    kill,
    start: async () => {
      server = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await kill();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
