import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const READY_MS = 40_000;

let base: string;
const running: ChildProcess[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'salus-main-'));
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  rmSync(base, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves with the output when it is ready, or with all of it when it ended before. */
  readonly settled: Promise<string>;
  readonly exit: Promise<number | null>;
}

function start(environment: Readonly<Record<string, string>> = {}): Run {
  const env = {
    PATH: process.env.PATH,
    XDG_CONFIG_HOME: join(base, 'config'),
    SALUS_DATA: join(base, 'data'),
    SALUS_PORT: '0',
    SALUS_FOUND: 'hospital-a',
    ...environment,
  };
  const child = spawn(process.execPath, [MAIN], { env, cwd: base, stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  let text = '';
  const settled = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready: ${text}`)), READY_MS);
    const take = (bytes: Buffer): void => {
      text += bytes.toString();
      if (!text.includes('Salus is ready')) return;
      clearTimeout(timer);
      resolve(text);
    };
    child.stdout!.on('data', take);
    child.stderr!.on('data', take);
    child.on('close', () => {
      clearTimeout(timer);
      resolve(text);
    });
  });
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { child, output: () => text, settled, exit };
}

const urlIn = (text: string): string => /http:\/\/127\.0\.0\.1:\d+/.exec(text)![0];

// Each start is a process of its own: slow where other tests run beside it.
describe('npm start', { timeout: 90_000 }, () => {
  it('founds, says in one line where it listens, ends with 0 on SIGTERM, and opens again what it founded', async () => {
    const first = start();
    const ready = await first.settled;
    expect(ready.trim().split('\n')).toHaveLength(1);
    const network = (await (await fetch(`${urlIn(ready)}/api/v1/network`)).json()) as { network: string };
    expect(network).toMatchObject({
      demonstration: false,
      organisations: [{ organisation: 'hospital-a', status: 'active' }],
    });
    first.child.kill('SIGTERM');
    expect(await first.exit).toBe(0);
    const second = start();
    const again = await (await fetch(`${urlIn(await second.settled)}/api/v1/network`)).json();
    expect(again).toMatchObject({ network: network.network });
    second.child.kill('SIGINT');
    expect(await second.exit).toBe(0);
    const credentials = join(base, 'config', 'salus', 'administrators', 'credentials.json');
    expect(statSync(credentials).mode & 0o777).toBe(0o600);
    const { staff } = JSON.parse(readFileSync(credentials, 'utf8')) as {
      staff: [{ password: string; passphrase: string }];
    };
    for (const secret of [staff[0].password, staff[0].passphrase])
      expect(first.output() + second.output()).not.toContain(secret);
  });

  it('opens again after kill -9, and refuses a directory that another process has open', async () => {
    const first = start();
    await first.settled;
    const second = start();
    expect(await second.settled).toMatch(/Another process has .* open: stop it first. \(data-directory-in-use\)/);
    expect(await second.exit).toBe(1);
    first.child.kill('SIGKILL');
    await first.exit;
    expect(await start().settled).toContain('Salus is ready');
  });
});
