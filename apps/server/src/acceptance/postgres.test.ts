import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PostgresServer, postgresServer } from '@salus/testing';
import { delegation } from '@salus/wallet';
import { openWalletFile, staffWalletOf } from '@salus/wallet/node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type NodeProcess, startNode } from '../../test/node-process.ts';
import { patientBundle } from '../../test/patient-bundle.ts';

/** The demonstration is founded in a process of its own, on a machine that may be busy. */
vi.setConfig({ testTimeout: 300_000, hookTimeout: 240_000 });

const AT = 'hospital-a';
const ACCOUNT = 'a.rossi';

let server: PostgresServer;
let directory: string;
beforeAll(async () => {
  server = await postgresServer();
  directory = mkdtempSync(join(tmpdir(), 'salus-on-postgres-'));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

function start(environment: Readonly<Record<string, string>>): NodeProcess {
  const settings = {
    dataDirectory: join(directory, 'data'),
    masterKeyFile: join(directory, 'keys', 'master-keys.json'),
    checkpointFile: join(directory, 'keys', 'checkpoint.jsonl'),
  };
  const place = { directory, settings } as Parameters<typeof startNode>[0];
  return startNode(place, { SALUS_DEMO: '1', ...environment });
}

test('founds the demonstration on PostgreSQL, writes, reads and searches, also after a kill, and opens nowhere else', async () => {
  const first = start({ SALUS_DATABASE_URL: server.url });
  const url = await first.ready;
  const session = await logIn(url);
  const written = await session('POST', '', patientBundle({ slug: AT, seed: 7, results: 3 }));
  expect(written.status).toBe(200);
  const { entry } = written.body as { readonly entry: readonly { readonly response: { readonly location: string } }[] };
  const locations = entry.map(({ response }) => response.location.split('/_history')[0] ?? '');
  const observation = locations
    .find((location) => location.includes('Observation/'))
    ?.replace(/^.*(?=Observation\/)/, '');
  const patient = locations.find((location) => location.includes('Patient/'))?.replace(/^.*(?=Patient\/)/, '');
  if (observation === undefined || patient === undefined) throw new Error('the bundle has both');
  await first.kill();

  const second = start({ SALUS_DATABASE_URL: server.url });
  const again = await logIn(await second.ready);
  expect(await again('GET', `/${observation}`)).toMatchObject({ status: 200, body: { resourceType: 'Observation' } });
  const found = await again('GET', `/Observation?patient=${patient.replace('Patient/', '')}`);
  expect(found).toMatchObject({ status: 200, body: { resourceType: 'Bundle', total: 3 } });
  await second.kill();

  const names = readdirSync(join(directory, 'data', 'orgs', AT));
  expect(names).toContain('records.postgresql.json');
  expect(names).not.toContain('records.sqlite');
  const elsewhere = start({});
  await expect(elsewhere.ready).rejects.toThrow('store-refused');
  const { password } = new URL(server.url);
  const unreachable = start({ SALUS_DATABASE_URL: server.url.replace(/:\d+\//, ':1/') });
  const told = await unreachable.ready.catch((error: Error) => error.message);
  expect(told).toContain('store-unavailable');
  expect(told).not.toContain(password);
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Requests of a clinician of the demonstration, who has delegated writing to the node. */
async function logIn(url: string): Promise<(method: string, path: string, body?: string) => Promise<Answer>> {
  const place = join(directory, 'config', 'salus', 'demonstration');
  const { staff } = JSON.parse(readFileSync(join(place, 'credentials.json'), 'utf8')) as {
    readonly staff: readonly {
      readonly account: string;
      readonly password: string;
      readonly wallet: string;
      readonly passphrase: string;
    }[];
  };
  const credential = staff.find(({ account }) => account === ACCOUNT);
  if (credential === undefined) throw new Error('the demonstration has this account');
  const stored = await openWalletFile(join(place, credential.wallet), credential.passphrase);
  if (stored.kind !== 'staff') throw new Error('it is a wallet of staff');
  const wallet = staffWalletOf(stored);
  const api = `${url}/api/v1/orgs/${AT}`;
  const post = async (path: string, body: unknown, token?: string): Promise<unknown> => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const headers = { 'content-type': 'application/json', ...authorization };
    const answer = await fetch(`${api}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return answer.json();
  };
  const { token, node } = (await post('/login', { account: ACCOUNT, password: credential.password })) as {
    readonly token: string;
    readonly node: string;
  };
  const scope = ['record.commit', 'record.correct', 'record.tombstone', 'patient.register', 'patient.reissueClaim'];
  const signed = await delegation(wallet, { network: wallet.network, nowMs: Date.now() }, { delegate: node, scope });
  await post('/delegations', { delegation: signed }, token);
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' };
    const given = body === undefined ? {} : { body };
    const answer = await fetch(`${url}/${AT}/fhir/R4${path}`, { method, headers, ...given });
    return { status: answer.status, body: await answer.json() };
  };
}
