import { setTimeout as delay } from 'node:timers/promises';
import type { Json } from '@salus/contracts';
import { type Consortium, createConsortium, type PreparedCall } from '@salus/ledger/consortium';
import {
  parseConsortium,
  startTestNetwork,
  type TestNetwork,
  type TestNetworkOptions,
  testConsortium,
} from '@salus/network';
import { expect } from 'vitest';
import { type FabricPlace, openFabricPlace } from './fabric-place.ts';
import { type Client, Load } from './load.ts';
import type { ProxiedPort } from './partition.ts';

/** The count or time of `npm run test:soak`, which has the machine for itself; else what every test run can afford. */
export function soaked(reduced: number, soak: number): number {
  return process.env.SALUS_TEST_SOAK === '1' ? soak : reduced;
}

/** How long replicas may take to show the same height. */
const CATCH_UP_MAX_MS = 60_000;

/** A founded network with a ledger at each organisation, under load while faults are made. */
export type SoakNetwork = AsyncDisposable & {
  readonly network: TestNetwork;
  readonly places: ReadonlyMap<string, FabricPlace>;
  readonly consortium: Consortium;
  /** Clients at these organisations, all unless told. */
  load(concurrency: number, organisations?: readonly string[]): Load;
  /** The process that leads the ordering service, as its own metrics say. */
  leader(): Promise<string>;
  orderers(): readonly string[];
  /** Until all orderers hold the same blocks: before, one that was away is still a fault. */
  awaitOrderers(): Promise<void>;
  /**
   * Every acknowledged call stands in every organisation's replica at the block that its client was told; all replicas have the
   * same blocks and no alarm. Returns the common height.
   */
  demandIntact(load: Load): Promise<number>;
};

export async function startSoakNetwork(options: TestNetworkOptions): Promise<SoakNetwork> {
  const network = await startTestNetwork(options);
  const places = new Map<string, FabricPlace>();
  for (const { slug } of network.consortium.organisations) places.set(slug, await openFabricPlace(network, slug));
  const [first, ...others] = await Promise.all(
    [...places].map(([organisation, place]) => {
      return createConsortium({ network: place.network, nowMs: Date.now, organisation });
    }),
  );
  if (first === undefined) throw new Error('a network has organisations');
  await found(places.get(first.organisation)!, first, others);
  const consortium = first;
  return {
    network,
    places,
    consortium,
    load: (concurrency, organisations = [...places.keys()]) => {
      const clients = organisations.map((organisation): Client => {
        return { organisation, ledger: places.get(organisation)!.ledger() };
      });
      return new Load(consortium, clients, concurrency);
    },
    leader: () => findLeader(network),
    orderers: () => ordererProcesses(network).map(({ name }) => name),
    awaitOrderers: () => awaitOrderers(network),
    demandIntact: (load) => demandIntact(places, load),
    [Symbol.asyncDispose]: async () => {
      await network.restartAll();
      for (const place of places.values()) await place[Symbol.asyncDispose]();
      await network.stop();
    },
  };
}

/** The first organisation founds, the others join by the votes of all who are there: every one may endorse. */
async function found(place: FabricPlace, first: Consortium, others: readonly Consortium[]): Promise<void> {
  const commit = async ({ call, privateArgs }: PreparedCall): Promise<Json> => {
    const answer = await place.ledger().submit(call, privateArgs);
    if (answer.kind !== 'committed') throw new Error(`the founding is refused: ${answer.code}`);
    return answer.result;
  };
  for (const prepared of await first.founding()) await commit(prepared);
  for (const [at, joining] of others.entries()) {
    const propose = { transaction: 'membership.proposeJoin', args: joining.application(), by: first.administrator };
    const { proposal, status } = (await commit(await first.sign(propose))) as Proposed;
    let open = status === 'open';
    for (const { administrator: by } of others.slice(0, at)) {
      if (!open) break;
      const vote = { transaction: 'membership.vote', args: { proposal, approve: true }, by };
      open = ((await commit(await first.sign(vote))) as Proposed).status === 'open';
    }
    if (open) throw new Error(`${joining.organisation} is not admitted`);
  }
}

type Proposed = { readonly proposal: string; readonly status: string };

function ordererProcesses(network: TestNetwork): readonly { readonly name: string; readonly operationsPort: number }[] {
  return network.consortium.organisations.flatMap(({ slug, orderers }) =>
    orderers.map(({ name, operationsPort }) => ({ name: `${slug}-${name}`, operationsPort })),
  );
}

/** orderer/consensus/etcdraft/metrics.go and smartbft/metrics.go; only BFT orderers tell whom they follow. */
const LEADS = /^consensus_(?:etcdraft|BFT)_is_leader\{[^}]*\} 1$/m;
const LEADER_ID = /^consensus_BFT_leader_id\{[^}]*\} (\d+)$/m;
const HEIGHT = /^ledger_blockchain_height\{[^}]*\} (\d+)$/m;

/** The one that leads: of several that say so, the one whom most orderers follow. One that was away may still take itself for it. */
async function findLeader(network: TestNetwork): Promise<string> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const views = await Promise.all(
      ordererProcesses(network).map(async ({ name, operationsPort }) => {
        const metrics = await metricsAt(operationsPort);
        return { name, leads: LEADS.test(metrics), follows: LEADER_ID.exec(metrics)?.[1] };
      }),
    );
    const followers = (id: string | undefined): number => views.filter(({ follows }) => follows === id).length;
    const leaders = views.filter(
      ({ leads, follows }) => leads && (follows === undefined || followers(follows) > views.length / 2),
    );
    if (leaders.length === 1) return leaders[0]!.name;
    await delay(100);
  }
  throw new Error('not exactly one orderer leads');
}

async function awaitOrderers(network: TestNetwork): Promise<void> {
  const limitMs = performance.now() + CATCH_UP_MAX_MS;
  for (;;) {
    const heights = await Promise.all(
      ordererProcesses(network).map(async ({ operationsPort }) => HEIGHT.exec(await metricsAt(operationsPort))?.[1]),
    );
    if (heights[0] !== undefined && new Set(heights).size === 1) return;
    if (performance.now() > limitMs) throw new Error(`orderers stay at the heights ${heights.join(', ')}`);
    await delay(100);
  }
}

async function metricsAt(port: number): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(1_000) });
    return await response.text();
  } catch {
    // One that does not run does not lead.
    return '';
  }
}

async function demandIntact(places: ReadonlyMap<string, FabricPlace>, load: Load): Promise<number> {
  expect(load.failures).toEqual([]);
  expect(load.acknowledged.length).toBeGreaterThan(0);
  const height = await awaitCommonHeight(places);
  const ledgers = [...places].map(([organisation, place]) => ({ organisation, ledger: place.ledger() }));
  for (const { callId, block } of load.acknowledged) {
    for (const { organisation, ledger } of ledgers) {
      const found = await ledger.transaction(callId);
      expect(found, `${callId} at ${organisation}`).toMatchObject({ block, outcome: { kind: 'committed' } });
    }
  }
  for (let number = 0; number <= height; number++) {
    const hashes = await Promise.all(ledgers.map(async ({ ledger }) => (await ledger.block(number))?.hash));
    expect(new Set(hashes).size, `block ${number}`).toBe(1);
  }
  for (const { organisation, ledger } of ledgers) expect(ledger.alarms(), organisation).toEqual([]);
  return height;
}

async function awaitCommonHeight(places: ReadonlyMap<string, FabricPlace>): Promise<number> {
  const limitMs = performance.now() + CATCH_UP_MAX_MS;
  for (;;) {
    const heights = await Promise.all([...places.values()].map((place) => place.ledger().height()));
    if (new Set(heights).size === 1) return heights[0]!;
    if (performance.now() > limitMs) throw new Error(`replicas stay at the heights ${heights.join(', ')}`);
    await delay(50);
  }
}

/** Every port at which other processes reach those of an organisation. */
export function proxiedPorts(options: Omit<TestNetworkOptions, 'binaries'>): readonly ProxiedPort[] {
  const { organisations } = parseConsortium(JSON.stringify(testConsortium(options)));
  return organisations.flatMap(({ slug, host, peers, orderers, chaincode }) =>
    [...peers, ...orderers, chaincode].map(({ port }) => ({ organisation: slug, host, port })),
  );
}
