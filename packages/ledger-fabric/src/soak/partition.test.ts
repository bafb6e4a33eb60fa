import { setTimeout as delay } from 'node:timers/promises';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostOf, Partition } from '../../test/partition.ts';
import { proxiedPorts, type SoakNetwork, soaked, startSoakNetwork } from '../../test/soak-network.ts';

const binaries = fabricBinaries();
const BASE_PORT = 24_400;
const ORGANISATIONS = ['hospital-a', 'hospital-b', 'laboratory'];
const ROUNDS = soaked(1, 5);
const CLIENTS = soaked(2, 8);
const CUT_MS = soaked(1_000, 20_000);
const TIMEOUT_MS = soaked(480_000, 1_800_000);
const COMMIT_MAX_MS = 120_000;

/** Only Linux tells whose connection it is, and has the whole of 127.0.0.0/8. */
const runs = binaries !== undefined && process.platform === 'linux';

describe.skipIf(!runs)('an organisation that is cut off', { timeout: TIMEOUT_MS }, () => {
  let soak: SoakNetwork;
  let partition: Partition;

  beforeAll(async () => {
    const options = { basePort: BASE_PORT, organisations: ORGANISATIONS, orderers: 3, host: hostOf(ORGANISATIONS) };
    partition = await Partition.open(proxiedPorts(options));
    soak = await startSoakNetwork({ ...options, binaries: binaries! });
  }, TIMEOUT_MS);
  afterAll(async () => {
    await soak[Symbol.asyncDispose]();
    await partition[Symbol.asyncDispose]();
  }, TIMEOUT_MS);

  const cases = ['the orderer that leads', 'an orderer that follows'];
  it.each(cases.slice(0, soaked(1, 2)))(
    'with %s commits nothing meanwhile, and all agree when it is back',
    async (which) => {
      for (let round = 0; round < ROUNDS; round++) {
        const leader = (await soak.leader()).replace(/-orderer0$/, '');
        const leads = which === 'the orderer that leads';
        const alone = leads ? leader : ORGANISATIONS.find((slug) => slug !== leader)!;
        const others = ORGANISATIONS.filter((slug) => slug !== alone);
        const load = soak.load(CLIENTS);
        try {
          for (const slug of ORGANISATIONS) await load.nextCommit(COMMIT_MAX_MS, slug);
          expect(partition.cut(soak.network, alone)).toBeGreaterThan(0);
          for (const slug of others) await load.nextCommit(COMMIT_MAX_MS, slug);
          const cutMs = performance.now();
          await delay(CUT_MS);
          for (const slug of others) await load.nextCommit(COMMIT_MAX_MS, slug);
          const meanwhile = load.acknowledged.filter(({ sentMs }) => sentMs >= cutMs);
          expect(meanwhile.length).toBeGreaterThan(0);
          expect(meanwhile.filter(({ organisation }) => organisation === alone)).toEqual([]);
          partition.heal();
          for (const slug of ORGANISATIONS) await load.nextCommit(COMMIT_MAX_MS, slug);
        } finally {
          partition.heal();
          await load[Symbol.asyncDispose]();
        }
        await soak.demandIntact(load);
      }
    },
  );
});
