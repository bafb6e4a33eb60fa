import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { get } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCa, toBase64url, toPem } from '@salus/crypto';
import { openWalletFile } from '@salus/wallet/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCredentials } from './demonstration/credentials.ts';
import { seedDemonstration } from './demonstration/demonstration.ts';
import { type RunningServer, startServer } from './server.ts';
import { readSettings } from './settings.ts';

let base: string;
const servers: RunningServer[] = [];
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'salus-start-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  rmSync(base, { recursive: true, force: true });
});

async function start(environment: Readonly<Record<string, string>> = {}): Promise<RunningServer> {
  const settings = readSettings(
    {
      XDG_CONFIG_HOME: join(base, 'config'),
      SALUS_PORT: '0',
      SALUS_LOG_LEVEL: 'silent',
      SALUS_FOUND: 'hospital-a',
      ...environment,
    },
    base,
  );
  const server = await startServer(settings);
  servers.push(server);
  return server;
}

const stop = async (): Promise<void> => servers.pop()!.close();
const config = (...names: string[]): string => join(base, 'config', 'salus', ...names);

describe('start', () => {
  it('names a port that is in use before it founds anything', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    await expect(start({ SALUS_PORT: String(port) })).rejects.toMatchObject({ code: 'port-in-use' });
    expect(existsSync(join(base, 'data'))).toBe(false);
    await new Promise((resolve) => holder.close(resolve));
  });

  it('asks for a backup or for names when there is nothing to open and no demonstration is wanted', async () => {
    await expect(start({ SALUS_FOUND: '', SALUS_DEMO: '0' })).rejects.toThrow(/name in SALUS_FOUND the organisations/);
  });

  it('founds nothing in the place of a ledger that a checkpoint vouches for', async () => {
    await start();
    await stop();
    rmSync(join(base, 'data'), { recursive: true });
    await expect(start()).rejects.toMatchObject({ code: 'ledger-missing' });
  });

  it('opens nothing without the master keys, or with those of another network', async () => {
    await start();
    await stop();
    const text = readFileSync(config('master-keys.json'), 'utf8');
    rmSync(config('master-keys.json'));
    await expect(start()).rejects.toMatchObject({ code: 'master-key-missing' });
    rmSync(config('administrators'), { recursive: true });
    await start({ SALUS_DATA: 'other', SALUS_CHECKPOINT_FILE: 'other.jsonl' });
    await stop();
    await expect(start()).rejects.toMatchObject({ code: 'master-key-missing' });
    expect(readFileSync(config('master-keys.json'), 'utf8')).not.toBe(text);
  });

  it('clears away what an interrupted founding left and founds anew', async () => {
    await start();
    await stop();
    const { network } = JSON.parse(readFileSync(join(base, 'data', 'network.json'), 'utf8')) as { network: string };
    rmSync(join(base, 'data', 'network.json'));
    // As a crash between the first and the last step leaves it.
    writeFileSync(join(base, 'data', 'founding.json'), JSON.stringify({ network }));
    rmSync(config('administrators'), { recursive: true });
    await start();
    const after = JSON.parse(readFileSync(join(base, 'data', 'network.json'), 'utf8')) as { network: string };
    expect(after.network).not.toBe(network);
    expect(existsSync(join(base, 'data', 'founding.json'))).toBe(false);
  });
});

describe('transport', () => {
  it('is TLS where a certificate is given, with its own header and no plain HTTP', async () => {
    const { certificate, privateKey } = await createCa({ organisation: 'hospital-a', nowMs: Date.now(), validDays: 1 });
    writeFileSync(join(base, 'cert.pem'), toPem('CERTIFICATE', certificate));
    writeFileSync(join(base, 'key.pem'), toPem('PRIVATE KEY', toBase64url(privateKey)), { mode: 0o600 });
    const { url } = await start({ SALUS_TLS_CERT: 'cert.pem', SALUS_TLS_KEY: 'key.pem' });
    expect(url).toMatch(/^https:/);
    const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
      get(`${url}/health`, { rejectUnauthorized: false }, (answer) => resolve(answer.resume().headers)).on(
        'error',
        reject,
      );
    });
    expect(headers['strict-transport-security']).toContain('max-age=31536000');
    await expect(fetch(url.replace('https:', 'http:'))).rejects.toThrow('fetch failed');
  });
});

describe('demonstration', { timeout: 120_000 }, () => {
  it('is filled into no other network', async () => {
    const real = { demonstration: false } as Parameters<typeof seedDemonstration>[0];
    await expect(seedDemonstration(real, [], config())).rejects.toMatchObject({ code: 'not-a-demonstration' });
  });

  it('shows life and keeps its secrets', async () => {
    const { url, demonstration } = await start({ SALUS_FOUND: '' });
    expect(demonstration).toBe(true);
    const { staff, patients } = readCredentials(config());
    expect(patients).toHaveLength(12);
    expect(patients.flatMap(({ at }) => at).length).toBeGreaterThanOrEqual(24);
    const claimed = patients.filter(({ wallet }) => wallet !== undefined);
    expect(claimed.length).toBeGreaterThanOrEqual(3);
    expect(patients.filter(({ slips }) => (slips?.length ?? 0) > 0).length).toBe(12 - claimed.length);
    const health = (await (await fetch(`${url}/health`)).json()) as { height: number };
    expect(health.height).toBeGreaterThan(30);
    const ask = async (path: string, token: string) =>
      (await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })).json();
    const { account, password } = staff.find((person) => person.account === 'hospital-a.admin')!;
    const headers = { 'content-type': 'application/json' };
    const login = await fetch(`${url}/api/v1/orgs/hospital-a/login`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ account, password }),
    });
    const { token } = (await login.json()) as { token: string };
    const { lines } = (await ask('/orgs/hospital-a/audit?limit=200', token)) as {
      lines: { event: { kind: string } }[];
    };
    const kinds = new Set(lines.map(({ event }) => event.kind));
    for (const kind of ['write', 'read', 'slip', 'emergency', 'session']) expect(kinds).toContain(kind);
    const { entries } = (await ask('/ledger/entries?prefix=grant/', token)) as {
      entries: { value: { status: string } }[];
    };
    expect(entries.map(({ value }) => value.status).sort()).toEqual(['active', 'revoked']);
    const { entries: requests } = (await ask('/ledger/entries?prefix=request/', token)) as typeof entries & {
      entries: { value: { status: string } }[];
    };
    expect(requests.map(({ value }) => value.status)).toEqual(['open']);
    await keepsItsSecrets();
  });
});

/** Files that only their owner may read, wallets that are marked, secrets that do not repeat. */
async function keepsItsSecrets(): Promise<void> {
  const directory = config('demonstration');
  const files = readdirSync(directory);
  expect(files.length).toBeGreaterThan(15);
  for (const file of files) expect(statSync(join(directory, file)).mode & 0o077, file).toBe(0);
  const { staff, patients } = readCredentials(config());
  const wallets = [...staff, ...patients].filter((person) => person.wallet !== undefined).slice(0, 3);
  for (const { wallet, passphrase } of wallets) {
    expect((await openWalletFile(join(directory, wallet!), passphrase!)).demonstration).toBe(true);
  }
  const secrets = staff.flatMap(({ password, passphrase }) => [password, passphrase]);
  expect(new Set(secrets).size).toBe(secrets.length);
}
