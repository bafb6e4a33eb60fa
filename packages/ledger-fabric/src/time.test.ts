import { setTimeout as sleep } from 'node:timers/promises';
import type { SignedCall } from '@salus/contracts';
import { type Consortium, createConsortium, newPatient } from '@salus/ledger/consortium';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FabricPlace, openFabricPlace } from '../test/fabric-place.ts';
import { readFabricConnection } from './connection-file.ts';
import type { Follower } from './follower/follower.ts';
import { type EndorseResult, Endorser } from './gateway/endorsement.ts';
import { readFabricIdentity } from './gateway/fabric-identity.ts';
import { OwnPeers } from './gateway/own-peers.ts';
import { type PendingCall, prepareCall } from './gateway/pending-call.ts';

const binaries = fabricBinaries();
const BASE_PORT = 26_300;
/** How far a proposal's time may lie from an endorser's clock. */
const OFF_MAX_MS = 30_000;
const TIMEOUT_MS = 240_000;
/** As far as is surely endorsed on a busy machine. */
const BACKDATED_MS = -20_000;
const SLIP_MS = 12_000;
const LATE_MS = 1_000;
const ENDORSE_ATTEMPTS = 200;

describe.skipIf(binaries === undefined)('the time of transactions on Fabric', () => {
  let network: TestNetwork;
  let place: FabricPlace;
  let consortium: Consortium;
  /** How far this node's clock is off. */
  let offMs = 0;
  const clock = (): number => Date.now() + offMs;

  beforeAll(async () => {
    network = await startTestNetwork({
      binaries: binaries!,
      basePort: BASE_PORT,
      organisations: ['hospital-a', 'laboratory'],
    });
    place = await openFabricPlace(network, 'hospital-a', { clock });
    consortium = await createConsortium({ network: place.network, nowMs: Date.now });
  }, TIMEOUT_MS);

  afterAll(async () => {
    await place?.[Symbol.asyncDispose]();
    await network?.stop();
  });

  it('is endorsed within 30 s of the endorsers’ clocks and nowhere beyond, backdated or ahead', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const ledger = place.ledger();
    // A backdated call must not come before the members whom it names.
    offMs = BACKDATED_MS;
    for (const { call } of await consortium.founding()) {
      expect(await ledger.submit(call)).toMatchObject({ kind: 'committed' });
    }
    const height = await ledger.height();
    for (const off of [-OFF_MAX_MS - 2_000, OFF_MAX_MS + 2_000]) {
      offMs = off;
      const patient = newPatient();
      const { call } = await consortium.register(patient);
      await expect(ledger.submit(call), `${off} ms`).rejects.toMatchObject({ code: 'unavailable' });
      expect(await ledger.get(`patient/pid/${patient.pid}`)).toBeUndefined();
    }
    expect(await ledger.height()).toBe(height);
    offMs = BACKDATED_MS;
    const { call } = await consortium.register(newPatient());
    const result = await ledger.submit(call);
    if (result.kind === 'refused') throw new Error(`refused: ${result.code}`);
    expect(result.timestampMs - Date.now()).toBeLessThanOrEqual(BACKDATED_MS);
    offMs = 0;
  });

  it('is that of the endorsement, however late the orderers get it', { timeout: TIMEOUT_MS }, async () => {
    const ledger = place.ledger();
    const patient = newPatient();
    const slipEndsMs = Date.now() + SLIP_MS;
    const args = { pid: patient.pid, claimKey: patient.claimBy.key.publicKey, claimNotAfterMs: slipEndsMs };
    const { call } = await consortium.sign({ transaction: 'patient.register', args, by: consortium.feed });
    expect(await ledger.submit(call)).toMatchObject({ kind: 'committed' });
    using early = openEarly(network.connectionFile('hospital-a'), ledger.follower);
    const endorsed = await early.endorse((await consortium.claim(patient)).call);
    await sleep(slipEndsMs + LATE_MS - Date.now());
    const outcome = await early.order(endorsed);
    // The ledger's time says no more than when the call was endorsed: whoever releases looks at its own clock.
    expect(outcome).toMatchObject({ kind: 'committed' });
    const claimed = (await ledger.get(`patient/pid/${patient.pid}`)) as { readonly claimedMs: number };
    expect(claimed.claimedMs).toBeLessThanOrEqual(slipEndsMs);
    expect(ledger.alarms()).toEqual([]);
    // Now the slip has ended for everybody who did not come in time.
    expect(await ledger.submit((await consortium.claim(patient)).call)).toMatchObject({ kind: 'refused' });
  });
});

/** Endorses now what is ordered later. */
function openEarly(connectionFile: string, follower: Follower) {
  const connection = readFabricConnection(connectionFile);
  const identity = readFabricIdentity(connection);
  const peers = new OwnPeers(connection, identity);
  const endorser = new Endorser({ connection, identity, peers, follower, clock: Date.now });
  return {
    endorse: async (call: SignedCall) => {
      for (let attempt = 0; attempt < ENDORSE_ATTEMPTS; attempt += 1) {
        const result = await endorser.endorse([prepareCall(call, undefined) as PendingCall], attempt);
        if (result.kind === 'endorsed') return result;
        // The second organisation has not yet applied the registration.
        await sleep(50);
      }
      throw new Error('the call was not endorsed');
    },
    order: async ({ txId, endorsed }: Extract<EndorseResult, { kind: 'endorsed' }>) => {
      const applied = follower.awaitTransaction(txId, AbortSignal.timeout(TIMEOUT_MS));
      await peers.order(endorsed);
      return (await applied).outcomes[0];
    },
    [Symbol.dispose]: () => peers[Symbol.dispose](),
  };
}
