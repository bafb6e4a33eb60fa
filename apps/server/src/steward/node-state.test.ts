import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openTestServer, type TestServer } from '../../test/hospital.ts';
import { LedgerChecks } from './ledger-check.ts';

const A = '/api/v1/orgs/hospital-a';
let server: TestServer;
let admin: string;
beforeAll(async () => {
  server = await openTestServer(['hospital-a', 'hospital-b']);
  admin = await server.logIn('hospital-a.admin');
});
afterAll(() => server[Symbol.asyncDispose]());

const get = async (path: string, token = admin) => server.send('GET', `${A}/${path}`, { token });

describe('the state of a node', () => {
  it('names engine, contracts, storage, newest block and checkpoint as the ledger has them', async () => {
    const { json } = await get('node');
    const height = await server.node.ledger.height();
    const { header } = (await server.node.ledger.block(height))!;
    expect(json).toMatchObject({ engine: 'embedded', database: 'sqlite', objects: 'files', height, releasing: true });
    expect(json.contracts).toEqual((header as { contracts: unknown }).contracts);
    expect(json.checkpoint).toMatchObject({ number: height, organisations: ['hospital-a', 'hospital-b'] });
    expect(json.disk.freeBytes).toBeGreaterThan(0);
    expect(JSON.stringify(json)).not.toContain(server.directory);
  });

  it('is the stewards’ business', async () => {
    const doctor = await server.logIn('a.rossi');
    expect((await get('node', doctor)).status).toBe(403);
    expect((await get('ledger-check', doctor)).status).toBe(403);
    expect((await get('backups', doctor)).status).toBe(403);
  });
});

describe('an integrity check of the running ledger', () => {
  it('verifies a copy while the node writes, and finds nothing wrong with what is right', async () => {
    expect((await get('ledger-check')).json).toEqual({ offered: true, state: 'never' });
    const begun = await server.send('POST', `${A}/ledger-check`, { token: admin });
    expect(begun.json).toMatchObject({ offered: true, state: 'running' });
    await vi.waitFor(async () => expect((await get('ledger-check')).json.state).toBe('done'), {
      timeout: 60_000,
      interval: 200,
    });
    const { report } = (await get('ledger-check')).json;
    expect(report).toMatchObject({ findingsTotal: 0, findings: [] });
    expect(report.blocks).toBeGreaterThan(0);
    expect(report.signatures).toBeGreaterThan(0);
    expect(report.checkpoints).toBeGreaterThan(0);
  });

  it('says that it failed, and is not offered where the engine gives no copy', async () => {
    const { ledger, checkpointFile, nowMs } = server.node;
    const failures: unknown[] = [];
    const failing = Object.create(ledger, { backup: { value: () => Promise.reject(new Error('disk full')) } });
    const checks = new LedgerChecks({ ledger: failing, checkpointFile, nowMs }, (error) => failures.push(error));
    checks.begin();
    await vi.waitFor(() => expect(checks.state.state).toBe('failed'), { timeout: 60_000 });
    expect(failures).toHaveLength(1);
    const without = Object.create(ledger, { backup: { value: undefined } });
    const none = new LedgerChecks({ ledger: without, checkpointFile, nowMs }, () => undefined);
    expect(none.isOffered).toBe(false);
    expect(() => none.begin()).toThrow(/verifies each block/);
  });
});

describe('the list of backups', () => {
  it('shows those that were verified, newest first, and names what was left unfinished', async () => {
    expect((await get('backups')).json).toEqual({ offered: true, backups: [], unfinished: [] });
    for (const name of ['monday', 'tuesday']) {
      const made = await server.send('POST', `${A}/backups`, { token: admin, body: { name } });
      expect(made.status, made.text).toBe(200);
    }
    mkdirSync(`${server.node.backupDirectory}/wednesday`);
    const { json } = await get('backups');
    expect(json.backups.map(({ name }: { name: string }) => name)).toEqual(['tuesday', 'monday']);
    expect(json.backups[0]).toMatchObject({ organisations: ['hospital-a', 'hospital-b'] });
    expect(json.backups[0].bytes).toBeGreaterThan(0);
    expect(json.unfinished).toEqual(['wednesday']);
  });
});
