import type { SubmitResult } from '@salus/ledger';
import { createConsortium, type PreparedCall } from '@salus/ledger/consortium';
import { startTestNetwork } from '@salus/network';
import { fabricBinaries, scaled } from '@salus/testing';
import { describe, expect, it } from 'vitest';
import { diceOf } from '../test/dice.ts';
import { openEmbeddedTwin } from '../test/embedded-twin.ts';
import { openFabricPlace } from '../test/fabric-place.ts';
import { readPeerState } from '../test/peer-state.ts';
import { createRandomCalls } from '../test/random-calls.ts';
import { worldState } from '../test/world-state.ts';

import { bundleChaincode } from './bundle.ts';

const binaries = fabricBinaries();
const BASE_PORT = 26_100;
const CALLS = scaled(150, 2_000);
/** Each call is a block of its own. */
const TIMEOUT_MS = scaled(300_000, 1_800_000);
const PEERS_MS = 60_000;
const SEED = 20_261_121;
const ORGANISATIONS = ['hospital-a', 'laboratory'];

describe.skipIf(binaries === undefined)('the embedded engine and Fabric', () => {
  it(`answer ${CALLS} random calls alike, one after the other at the same times, and end in the same state`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    let nowMs = Date.now();
    const clock = (): number => nowMs;
    await using network = await startTestNetwork({
      binaries: binaries!,
      bundle: bundleChaincode,
      basePort: BASE_PORT,
      organisations: ORGANISATIONS,
      batchTimeoutMs: 10,
    });
    await using place = await openFabricPlace(network, 'hospital-a', { clock });
    await using twin = await openEmbeddedTwin(place.network, clock);
    const fabric = place.ledger();
    const consortium = await createConsortium({ network: place.network, nowMs: clock });
    const dice = diceOf(SEED);
    const calls = createRandomCalls({ consortium, dice, nowMs: clock });
    const seen = new Set<string>();
    const both = async ({ call, privateArgs }: PreparedCall, label: string): Promise<void> => {
      const onFabric = await fabric.submit(call, privateArgs);
      const onEmbedded = await twin.ledger.submit(call, privateArgs);
      expect(comparable(onFabric), `${label}, seed ${SEED}`).toEqual(comparable(onEmbedded));
      const name = `${call.payload.contract}.${call.payload.transaction}`;
      seen.add(onFabric.kind === 'committed' ? `committed ${name}` : onFabric.code);
    };
    for (const prepared of await consortium.founding()) await both(prepared, 'founding');
    for (let step = 0; step < CALLS; step += 1) {
      // Never behind the last call: the embedded ledger's time does not go back.
      nowMs = Math.max(nowMs, Date.now());
      await both(await calls.next(), `step ${step}`);
    }
    expect(seen.size, [...seen].sort().join(' ')).toBeGreaterThan(scaled(20, 35));
    const expected = await worldState(twin.ledger);
    expect(await worldState(fabric)).toEqual(expected);
    for (const organisation of ORGANISATIONS) {
      // The other peer applies the last block in its own time.
      const state = () => readPeerState(network.connectionFile(organisation));
      await expect.poll(state, { timeout: PEERS_MS, message: organisation }).toEqual(expected);
    }
    expect(fabric.alarms()).toEqual([]);
  });
});

/** A result without the place, which the engines count each in its own way, and without the words of a refusal. */
function comparable(result: SubmitResult): object {
  if (result.kind === 'refused') return { kind: result.kind, callId: result.callId, code: result.code };
  const { kind, callId, timestampMs, result: value } = result;
  return { kind, callId, timestampMs, value };
}
