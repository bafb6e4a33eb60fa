import { get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestNetwork, type TestNetwork } from '../test-network.ts';
import { openContract, putChaincode } from './put-chaincode.ts';

const ORGANISATIONS = ['hospital-a', 'hospital-b', 'laboratory', 'pharmacy'];
const TIMEOUT_MS = 480_000;
/** Ordinary test runs share the machine with others: the soak of ledger-fabric holds the published time. */
const RAFT_LEADER_MS = 90_000;
/** A BFT channel goes on; clients whose peer took its blocks from the lost orderer wait longest. */
const BFT_MS = 120_000;
const SETTLE_MS = 3000;
const IN_STEP_ROUNDS = 4;

const binaries = fabricBinaries();

/** Clients at each peer that put one key after the other, again where it failed; they tell the longest silence of each. */
function startLoad(network: TestNetwork) {
  const stopping = new AbortController();
  const state = ORGANISATIONS.map(() => ({ committed: 0, lastMs: Date.now(), longestMs: 0 }));
  const running = ORGANISATIONS.map(async (slug, at) => {
    const { contract, close } = openContract(network.peers(slug)[0]!, network.admin(slug));
    const own = state[at]!;
    while (!stopping.signal.aborted) {
      try {
        await contract.submitTransaction('put', `${slug}-${own.committed}`, 'v');
        own.committed += 1;
        own.longestMs = Math.max(own.longestMs, Date.now() - own.lastMs);
        own.lastMs = Date.now();
      } catch {
        await sleep(100);
      }
    }
    close();
  });
  return {
    /** Waits until every client has committed again after now, and tells the longest silence since. */
    silence: async (): Promise<number> => {
      const beganMs = Date.now();
      const before = state.map(({ committed }) => committed);
      for (const own of state) own.longestMs = 0;
      // Two: the first may have been on its way.
      const done = () => state.every(({ committed }, at) => committed >= before[at]! + 2);
      while (!done() && Date.now() - beganMs < TIMEOUT_MS) await sleep(50);
      return Math.max(...state.map(({ longestMs }) => longestMs));
    },
    stop: async (): Promise<void> => {
      stopping.abort();
      await Promise.all(running);
    },
  };
}

const orderersOf = (network: TestNetwork) =>
  network.consortium.organisations.flatMap(({ slug, orderers }) =>
    orderers.map(({ name, operationsPort }) => ({ name: `${slug}-${name}`, operationsPort })),
  );

/** The orderer that leads, by what the orderers' metrics say. */
async function leaderOf(network: TestNetwork): Promise<string> {
  for (;;) {
    const leaders = await Promise.all(
      orderersOf(network).map(async ({ name, operationsPort }) => {
        const text = await metricsOf(operationsPort);
        return /^consensus_(?:BFT|etcdraft)_is_leader\{[^}]*\} 1$/m.test(text) ? [name] : [];
      }),
    );
    const [leader, ...others] = leaders.flat();
    if (leader !== undefined && others.length === 0) return leader;
    await sleep(200);
  }
}

/** Waits until every orderer keeps up: one that has just returned is a fault as long as it is behind. */
async function awaitAllInStep(network: TestNetwork): Promise<void> {
  for (let inStep = 0; inStep < IN_STEP_ROUNDS; ) {
    await sleep(500);
    const heights = await Promise.all(
      orderersOf(network).map(async ({ operationsPort }) => {
        const text = await metricsOf(operationsPort);
        return Number(/^consensus_(?:BFT|etcdraft)_committed_block_number\{[^}]*\} (\d+)$/m.exec(text)?.[1] ?? 0);
      }),
    );
    inStep = Math.max(...heights) - Math.min(...heights) <= 1 ? inStep + 1 : 0;
  }
}

/** Empty while the orderer does not answer. */
function metricsOf(port: number): Promise<string> {
  return new Promise((resolve) => {
    get({ host: '127.0.0.1', port, path: '/metrics', timeout: 1000 }, (answer) => {
      let text = '';
      answer.on('data', (part: Buffer) => {
        text += part.toString();
      });
      answer.on('end', () => resolve(text));
    })
      .on('timeout', () => resolve(''))
      .on('error', () => resolve(''));
  });
}

const followerOf = (leader: string): string =>
  ORGANISATIONS.slice(0, 3)
    .map((slug) => `${slug}-orderer0`)
    .find((name) => name !== leader)!;

describe.skipIf(binaries === undefined)('three Raft orderers', () => {
  let network: TestNetwork;

  beforeAll(async () => {
    const options = { basePort: 23_400, organisations: ORGANISATIONS, orderers: 3 };
    network = await startTestNetwork({ ...options, binaries: binaries!, bundle: putChaincode });
  }, TIMEOUT_MS);

  afterAll(async () => {
    await network.stop();
  });

  it(
    'commit again soon after their leader was killed, and at once after a follower was',
    async () => {
      const load = startLoad(network);
      await load.silence();
      const leader = await leaderOf(network);
      await network.kill(leader);
      expect(await load.silence()).toBeLessThan(RAFT_LEADER_MS);
      await network.restart(leader);
      await sleep(SETTLE_MS);
      const follower = followerOf(await leaderOf(network));
      await network.kill(follower);
      expect(await load.silence()).toBeLessThan(RAFT_LEADER_MS);
      await network.restart(follower);
      await load.stop();
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(binaries === undefined)('four BFT orderers', () => {
  let network: TestNetwork;

  beforeAll(async () => {
    const options = { basePort: 23_500, organisations: ORGANISATIONS, orderers: 4, consensus: 'bft' as const };
    network = await startTestNetwork({ ...options, binaries: binaries!, bundle: putChaincode });
  }, TIMEOUT_MS);

  afterAll(async () => {
    await network.stop();
  });

  it(
    'go on while one of them is killed or frozen, the leader too, one after the other',
    async () => {
      const load = startLoad(network);
      await load.silence();
      for (const [fault, which] of [
        ['freeze', 'leader'],
        ['kill', 'leader'],
        ['freeze', 'follower'],
        ['kill', 'follower'],
        ['freeze', 'leader'],
      ] as const) {
        const leader = await leaderOf(network);
        const victim = which === 'leader' ? leader : followerOf(leader);
        if (fault === 'kill') await network.kill(victim);
        else network.freeze(victim);
        expect(await load.silence(), `${fault} the ${which}`).toBeLessThan(BFT_MS);
        if (fault === 'kill') await network.restart(victim);
        else network.thaw(victim);
        await awaitAllInStep(network);
      }
      await load.stop();
    },
    TIMEOUT_MS,
  );
});
