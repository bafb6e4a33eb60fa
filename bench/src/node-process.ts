import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { delegation, type StaffWallet } from '@salus/wallet';
import { openWalletFile, staffWalletOf } from '@salus/wallet/node';

const MAIN = fileURLToPath(new URL('../../apps/server/src/main.ts', import.meta.url));
/** Of /proc/<pid>/stat: `USER_HZ`, 100 on every Linux that Node runs on. */
const TICK_MS = 10;
const READY_MS = 60_000;
const SOCKETS = 64;
const SCOPE = ['record.commit', 'record.correct', 'record.tombstone', 'patient.register', 'patient.reissueClaim'];

/** A node of the demonstration consortium in a process of its own, with a fresh data directory. */
export interface NodeProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly configDirectory: string;
  readonly dataDirectory: string;
  /** Logs a member of staff in, with a delegation to write. */
  logIn(account: string): Promise<StaffSession>;
  send(asked: Asked): Promise<Answer>;
  rssBytes(): Promise<number>;
  /** Processor time of all its threads so far, user and system, in milliseconds. */
  cpuMs(): Promise<number>;
}

export interface StaffSession {
  readonly organisation: string;
  readonly token: string;
  readonly wallet: StaffWallet;
}

export interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly token?: string;
  readonly body?: string | Buffer;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
}

interface Credential {
  readonly account?: string;
  readonly organisation: string;
  readonly password: string;
  readonly passphrase: string;
  readonly wallet: string;
}

/** `settings`: environment variables beside those of every bench. */
export async function startNode(settings: Readonly<Record<string, string>> = {}): Promise<NodeProcess> {
  const place = await mkdtemp(join(tmpdir(), 'salus-bench-'));
  const port = 20_000 + (process.pid % 20_000);
  const environment = {
    ...process.env,
    XDG_CONFIG_HOME: join(place, 'config'),
    SALUS_DATA: join(place, 'data'),
    SALUS_PORT: String(port),
    SALUS_LOG_LEVEL: 'warn',
    ...settings,
  };
  const child = spawn(
    process.execPath,
    [
      ...(process.env.SALUS_BENCH_PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${process.env.SALUS_BENCH_PROFILE}`] : []),
      MAIN,
    ],
    { env: environment, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await ready(child);
  const configDirectory = join(place, 'config', 'salus');
  const send = sender(port);
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid!,
    configDirectory,
    dataDirectory: join(place, 'data'),
    send,
    logIn: (account) => logIn(send, configDirectory, account),
    rssBytes: () => rssOf(child.pid!),
    cpuMs: () => cpuMsOf(child.pid!),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
      await rm(place, { recursive: true });
    },
  };
}

async function ready(child: ChildProcess): Promise<void> {
  const signal = AbortSignal.timeout(READY_MS);
  for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false })) {
    if (String(chunk).includes('Salus is ready')) {
      // Whatever else it says must not fill the pipe.
      child.stdout!.resume();
      return;
    }
    signal.throwIfAborted();
  }
  throw new Error('the node ended before it was ready');
}

/** Kept connections and no parsing: the load generator shares the machine with what it measures. */
function sender(port: number): NodeProcess['send'] {
  const agent = new Agent({ keepAlive: true, maxSockets: SOCKETS });
  return ({ method, path, token, body, type = 'application/json', headers: more }) =>
    new Promise((resolve, reject) => {
      const headers = {
        ...more,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) }),
      };
      const sent = request({ host: '127.0.0.1', port, method, path, headers, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const { statusCode: status = 0, headers: answered } = response;
          resolve({ status, text: Buffer.concat(chunks).toString(), headers: answered });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });
}

async function logIn(send: NodeProcess['send'], configDirectory: string, account: string): Promise<StaffSession> {
  const directory = join(configDirectory, 'demonstration');
  const { staff } = JSON.parse(await readFile(join(directory, 'credentials.json'), 'utf8')) as {
    readonly staff: readonly Credential[];
  };
  const credential = staff.find((candidate) => candidate.account === account);
  if (credential === undefined) throw new Error('no such account in the demonstration');
  const { organisation, password } = credential;
  const stored = await openWalletFile(join(directory, credential.wallet), credential.passphrase);
  if (stored.kind !== 'staff') throw new Error('not a staff wallet');
  const wallet = staffWalletOf(stored);
  const opened = await sendJson<{ token: string; node: string }>(send, {
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/login`,
    body: JSON.stringify({ account, password }),
  });
  const occasion = { network: wallet.network, nowMs: Date.now() };
  const signed = await delegation(wallet, occasion, { delegate: opened.node, scope: SCOPE });
  await sendJson(send, {
    method: 'POST',
    path: `/api/v1/orgs/${organisation}/delegations`,
    token: opened.token,
    body: JSON.stringify({ delegation: signed }),
  });
  return { organisation, token: opened.token, wallet };
}

/** The answer's JSON; anything but success ends the bench, so that no figure counts refusals. */
export async function sendJson<T>(send: NodeProcess['send'], asked: Asked): Promise<T> {
  const { status, text } = await send(asked);
  if (status < 200 || status > 299)
    throw new Error(`${asked.method} ${asked.path.split('?')[0]} answered ${status}: ${text.slice(0, 300)}`);
  return JSON.parse(text) as T;
}

async function rssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

async function cpuMsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // proc(5): after the name in parentheses, utime and stime are the 12th and 13th fields.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
