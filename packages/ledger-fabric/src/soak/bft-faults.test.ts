import { setTimeout as delay } from 'node:timers/promises';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostOf, Partition } from '../../test/partition.ts';
import { proxiedPorts, type SoakNetwork, soaked, startSoakNetwork } from '../../test/soak-network.ts';

const binaries = fabricBinaries();
const BASE_PORT = 24_200;
const ORGANISATIONS = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'];
/** Only Linux tells whose connection it is, and has the whole of 127.0.0.0/8. */
const CUTS = process.platform === 'linux';
const ROUNDS = soaked(1, 5);
const CLIENTS = soaked(2, 8);
const FAULT_MS = soaked(500, 10_000);
const TIMEOUT_MS = soaked(480_000, 1_800_000);
/** A view change waits for the heartbeat and request time-outs of SmartBFT. */
const COMMIT_MAX_MS = 120_000;

describe.skipIf(binaries === undefined)('faults of a network with four BFT orderers', { timeout: TIMEOUT_MS }, () => {
  let soak: SoakNetwork;
  let partition: Partition;

  beforeAll(async () => {
    const options = {
      basePort: BASE_PORT,
      organisations: ORGANISATIONS,
      orderers: 4,
      consensus: 'bft' as const,
      ...(CUTS ? { host: hostOf(ORGANISATIONS) } : {}),
    };
    partition = await Partition.open(CUTS ? proxiedPorts(options) : []);
    soak = await startSoakNetwork({ ...options, binaries: binaries! });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await soak[Symbol.asyncDispose]();
    await partition[Symbol.asyncDispose]();
  }, TIMEOUT_MS);

  type Fault = { readonly make: (name: string) => Promise<void>; readonly end: (name: string) => Promise<void> };
  const faults: readonly (readonly [string, Fault])[] = [
    ['killed', { make: (name) => soak.network.kill(name), end: (name) => soak.network.restart(name) }],
    ...(CUTS ? [['cut off', { make: cutOff, end: async () => partition.heal() }] as const] : []),
    [
      'frozen',
      {
        make: async (name) => soak.network.freeze(name),
        end: async (name) => soak.network.thaw(name),
      },
    ],
  ];

  /** An orderer is cut off with all its organisation. */
  async function cutOff(name: string): Promise<void> {
    expect(partition.cut(soak.network, name.replace(/-orderer0$/, ''))).toBeGreaterThan(0);
  }

  /** The channel goes on while one orderer is away, and when it is back; four bear one fault at a time, not two. */
  async function without(name: string, { make, end }: Fault): Promise<number> {
    await soak.awaitOrderers();
    const load = soak.load(CLIENTS);
    try {
      await load.nextCommit(COMMIT_MAX_MS);
      await make(name);
      try {
        await load.nextCommit(COMMIT_MAX_MS);
        await delay(FAULT_MS);
        await load.nextCommit(COMMIT_MAX_MS);
      } finally {
        await end(name);
      }
      await load.nextCommit(COMMIT_MAX_MS);
    } finally {
      await load[Symbol.asyncDispose]();
    }
    return soak.demandIntact(load);
  }

  it.each(faults)('do not stop the channel when the leader is %s', async (_, fault) => {
    for (let round = 0; round < ROUNDS; round++) expect(await without(await soak.leader(), fault)).toBeGreaterThan(0);
  });

  it.each(faults.slice(0, soaked(1, 3)))('do not stop the channel when one that follows is %s', async (_, fault) => {
    for (let round = 0; round < ROUNDS; round++) {
      const leader = await soak.leader();
      const follower = soak.orderers().find((name) => name !== leader)!;
      expect(await without(follower, fault)).toBeGreaterThan(0);
    }
  });
});
