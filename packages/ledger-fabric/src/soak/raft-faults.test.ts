import { setTimeout as delay } from 'node:timers/promises';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SoakNetwork, soaked, startSoakNetwork } from '../../test/soak-network.ts';

const binaries = fabricBinaries();
const BASE_PORT = 24_000;
/** How often each fault is made. */
const ROUNDS = soaked(1, 10);
const CLIENTS = soaked(4, 16);
const FAULT_MS = soaked(1_000, 5_000);
const TIMEOUT_MS = soaked(480_000, 1_800_000);
/** Ordinary test runs share the machine with others: only the soak holds the published times. */
const RESUME_MAX_MS = soaked(90_000, 5_000);
const RESTART_MAX_MS = soaked(120_000, 10_000);
const COMMIT_MAX_MS = 120_000;

describe.skipIf(binaries === undefined)('faults of a network with three Raft orderers', { timeout: TIMEOUT_MS }, () => {
  let soak: SoakNetwork;

  beforeAll(async () => {
    soak = await startSoakNetwork({ binaries: binaries!, basePort: BASE_PORT, orderers: 3 });
  }, TIMEOUT_MS);
  afterAll(() => soak[Symbol.asyncDispose](), TIMEOUT_MS);

  /** Kills one process under load, lets it be away, starts it again, and demands that nothing acknowledged is lost. */
  async function killUnderLoad(process: string): Promise<number> {
    const load = soak.load(CLIENTS);
    try {
      await load.nextCommit(COMMIT_MAX_MS);
      await soak.network.kill(process);
      await delay(FAULT_MS);
      await load.nextCommit(COMMIT_MAX_MS);
      await soak.network.restart(process);
      for (const organisation of soak.places.keys()) await load.nextCommit(COMMIT_MAX_MS, organisation);
    } finally {
      await load[Symbol.asyncDispose]();
    }
    return soak.demandIntact(load);
  }

  it.each(['hospital-b-peer0', 'laboratory-chaincode'])('lose no acknowledged call when %s is killed', async (name) => {
    for (let round = 0; round < ROUNDS; round++) expect(await killUnderLoad(name)).toBeGreaterThan(0);
  });

  it('lose no acknowledged call when an orderer that follows is killed', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const leader = await soak.leader();
      const follower = soak.orderers().find((name) => name !== leader)!;
      expect(await killUnderLoad(follower)).toBeGreaterThan(0);
    }
  });

  it(`resume within ${RESUME_MAX_MS} ms when the leader is killed, and lose no acknowledged call`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const load = soak.load(CLIENTS);
      try {
        await load.nextCommit(COMMIT_MAX_MS);
        const leader = await soak.leader();
        await soak.network.kill(leader);
        expect(await load.nextCommit(RESUME_MAX_MS)).toBeLessThan(RESUME_MAX_MS);
        expect(await soak.leader()).not.toBe(leader);
        await soak.network.restart(leader);
        await load.nextCommit(COMMIT_MAX_MS);
      } finally {
        await load[Symbol.asyncDispose]();
      }
      await soak.demandIntact(load);
    }
  });

  it(`are up again within ${RESTART_MAX_MS} ms when everything is killed at once, with all data intact`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const load = soak.load(CLIENTS);
      try {
        await load.nextCommit(COMMIT_MAX_MS);
        const names = soak.network.processes().map(({ name }) => name);
        expect(names.length).toBe(9);
        await Promise.all(names.map((name) => soak.network.kill(name)));
        const startMs = performance.now();
        await soak.network.restartAll();
        await load.nextCommit(COMMIT_MAX_MS);
        expect(performance.now() - startMs).toBeLessThan(RESTART_MAX_MS);
      } finally {
        await load[Symbol.asyncDispose]();
      }
      await soak.demandIntact(load);
    }
  });
});
