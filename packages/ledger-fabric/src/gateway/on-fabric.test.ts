import type { SubmitResult } from '@salus/ledger';
import { type Consortium, createConsortium, newPatient } from '@salus/ledger/consortium';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FabricPlace, openFabricPlace } from '../../test/fabric-place.ts';

const binaries = fabricBinaries();
const BASE_PORT = 26_400;
const TIMEOUT_MS = 300_000;

describe.skipIf(binaries === undefined)('the gateway on Fabric', { timeout: TIMEOUT_MS }, () => {
  let network: TestNetwork;
  let first: FabricPlace;
  let second: FabricPlace;
  let consortium: Consortium;

  beforeAll(async () => {
    network = await startTestNetwork({ binaries: binaries!, basePort: BASE_PORT });
    first = await openFabricPlace(network, 'hospital-a');
    second = await openFabricPlace(network, 'hospital-a');
    consortium = await createConsortium({ network: first.network, nowMs: Date.now });
    for (const { call } of await consortium.founding()) await first.ledger().submit(call);
  }, TIMEOUT_MS);

  afterAll(async () => {
    await second?.[Symbol.asyncDispose]();
    await first?.[Symbol.asyncDispose]();
    await network?.stop();
  });

  it('answers hundreds of calls that must not stand in a block, and commits those between them', async () => {
    const good = await Promise.all(Array.from({ length: 10 }, () => consortium.register(newPatient())));
    const sign = (at: number) =>
      consortium.sign({ transaction: 'patient.register', args: { pid: `no pid ${at}` }, by: consortium.feed });
    const bad = await Promise.all(Array.from({ length: 490 }, (_, at) => sign(at)));
    const mixed = bad.flatMap((prepared, at) => (at % 49 === 0 ? [prepared, good[at / 49]!] : [prepared]));
    const results = await Promise.all(mixed.map(({ call }) => first.ledger().submit(call)));
    expect(countsOf(results)).toEqual(
      new Map([
        ['args-invalid', 490],
        ['committed', 10],
      ]),
    );
  });

  it('settles every call where two nodes write the same key at the same time', async () => {
    const calls = await Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        consortium.sign({
          transaction: 'access.checkpoint',
          args: { number: at + 1, hash: 'A'.repeat(43) },
          by: consortium.node,
        }),
      ),
    );
    const results = await Promise.all(
      calls.map(({ call }, at) => (at % 2 === 0 ? first : second).ledger().submit(call)),
    );
    const counts = countsOf(results);
    expect((counts.get('committed') ?? 0) + (counts.get('checkpoint-backwards') ?? 0)).toBe(40);
    // The last one may be the other node's, whose replica is a block ahead.
    const newest = Math.max(...results.map((result) => (result.kind === 'committed' ? result.block : 0)));
    await first.ledger().follower.reach(newest, AbortSignal.timeout(TIMEOUT_MS));
    expect(await first.ledger().get('access/checkpoint/hospital-a')).toMatchObject({ number: 40 });
  });

  it('has another organisation endorse where one is down, and goes on with it once it is back', async () => {
    await network.kill('laboratory-chaincode');
    await network.kill('hospital-b-peer0');
    await network.restart('laboratory-chaincode');
    const results: SubmitResult[] = [];
    // Each draws its own second organisation.
    for (let at = 0; at < 6; at += 1) {
      results.push(await first.ledger().submit((await consortium.register(newPatient())).call));
    }
    await network.restart('hospital-b-peer0');
    await network.kill('laboratory-peer0');
    for (let at = 0; at < 6; at += 1) {
      results.push(await first.ledger().submit((await consortium.register(newPatient())).call));
    }
    expect(countsOf(results)).toEqual(new Map([['committed', 12]]));
    expect(first.ledger().alarms()).toEqual([]);
  });
});

function countsOf(results: readonly SubmitResult[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const result of results) {
    const name = result.kind === 'refused' ? result.code : result.kind;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}
