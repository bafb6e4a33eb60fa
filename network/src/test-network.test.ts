import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readChainInfo } from './channel/index.ts';
import { startTestNetwork, type TestNetwork } from './test-network.ts';
import type { ContractsBundle } from './up/contracts-in-use.ts';

const BASE_PORT = 22_000;
const START_TIMEOUT_MS = 240_000;

const binaries = fabricBinaries();

/** A service that listens and answers nothing: these tests are about the network, not about chaincode. */
async function listeningOnly(): Promise<ContractsBundle> {
  const code = Buffer.from(
    "require('node:net').createServer().listen(Number(process.env.CHAINCODE_ADDRESS.split(':')[1]), '127.0.0.1');",
  );
  return { code, contracts: '0.0.0', sha256hex: createHash('sha256').update(code).digest('hex') };
}

describe.skipIf(binaries === undefined)('a network of real Fabric peers and orderers', () => {
  let network: TestNetwork;

  beforeAll(async () => {
    network = await startTestNetwork({
      binaries: binaries!,
      bundle: listeningOnly,
      basePort: BASE_PORT,
      organisations: ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'],
      orderers: 3,
    });
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    await network.stop();
  });

  it('has every process running, every peer in the channel and the chaincode committed by all', () => {
    const { report, processes } = network;
    expect(report.unchanged).toBe(false);
    expect(report.deployment).toMatchObject({ sequence: 1, committed: true });
    expect(Object.values(report.deployment?.approvals ?? {})).toEqual([true, true, true, true]);
    expect(processes()).toHaveLength(11);
    expect(processes().every(({ running }) => running)).toBe(true);
  });

  it('changes nothing when it is brought up again', async () => {
    const before = network.processes().map(({ pid }) => pid);
    const report = await network.up();
    expect(report).toMatchObject({ unchanged: true, started: [], joined: [], installed: [] });
    expect(network.processes().map(({ pid }) => pid)).toEqual(before);
  });

  it('starts again only what was killed, and the chain goes on from where it was', async () => {
    const [peer] = network.peers('laboratory');
    const before = await readChainInfo(peer!, network.admin('laboratory'), 'salus');
    await network.kill('laboratory-peer0');
    expect(network.processes().find(({ name }) => name === 'laboratory-peer0')?.running).toBe(false);
    const { started } = await network.up();
    expect(started).toEqual(['laboratory-peer0']);
    const after = await readChainInfo(peer!, network.admin('laboratory'), 'salus');
    expect(after).toEqual(before);
  });

  it('restarts everything after everything was killed at once', async () => {
    await Promise.all(network.processes().map(({ name }) => network.kill(name)));
    expect(network.processes().some(({ running }) => running)).toBe(false);
    await network.restartAll();
    expect(network.processes().every(({ running }) => running)).toBe(true);
    expect(await network.up()).toMatchObject({ joined: [], installed: [] });
  });

  it('keeps every private key readable by its owner only, and the authorities’ keys sealed', () => {
    const { folder, chaincode, authorities, user } = network.layout.organisation('hospital-a');
    const keys = [join(user('admin').msp, 'keystore', 'key.pem'), chaincode.privateKey, chaincode.server.key];
    for (const key of keys) expect(statSync(key).mode & 0o077, key).toBe(0);
    expect(statSync(folder).mode & 0o077).toBe(0);
    expect(readFileSync(join(authorities, 'ca.key.sealed')).toString('latin1')).not.toContain('PRIVATE KEY');
  });
});
