import type { ChildProcess } from 'node:child_process';
import type { SignedCall } from '@salus/contracts';
import { type Consortium, createConsortium, newId, newPatient, type Patient } from '@salus/ledger/consortium';
import { startTestNetwork, type TestNetwork } from '@salus/network';
import { fabricBinaries } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FabricPlace, openFabricPlace } from '../../test/fabric-place.ts';
import { doctor, forge } from '../../test/forgery.ts';

const binaries = fabricBinaries();
const BASE_PORT = 25_000;
const SETUP_MS = 300_000;
const LIMIT_MS = 60_000;
/** The records' own organisation, two that collude, and one that only looks on. */
const [KEEPER, FIRST, SECOND, THIRD] = ['hospital-a', 'hospital-b', 'pharmacy', 'laboratory'] as const;

describe.skipIf(binaries === undefined)('two organisations whose chaincode forges a grant', () => {
  let network: TestNetwork;
  let keeper: FabricPlace;
  let third: FabricPlace;
  let consortium: Consortium;
  let patient: Patient;
  const doctored: ChildProcess[] = [];

  beforeAll(async () => {
    const organisations = [KEEPER, FIRST, SECOND, THIRD];
    network = await startTestNetwork({ binaries: binaries!, basePort: BASE_PORT, organisations });
    keeper = await openFabricPlace(network, KEEPER);
    third = await openFabricPlace(network, THIRD);
    consortium = await createConsortium({ network: keeper.network, nowMs: Date.now });
    patient = newPatient();
    const calls = [
      ...(await consortium.founding()),
      await consortium.register(patient),
      await consortium.claim(patient),
    ];
    for (const { call } of calls) await commit(keeper, call);
    for (const organisation of [FIRST, SECOND]) doctored.push(await doctor(network, organisation));
  }, SETUP_MS);

  afterAll(async () => {
    await keeper?.[Symbol.asyncDispose]();
    await third?.[Symbol.asyncDispose]();
    for (const child of doctored) child.kill('SIGKILL');
    await network?.stop();
  }, SETUP_MS);

  it(
    'are found out by everybody else, and nothing that rests on it is read or acknowledged',
    async () => {
      const grant = newId();
      const key = `grant/${patient.pid}/${grant}`;
      const fact = { kind: 'access', commitment: 'A'.repeat(43), status: 'active', uses: 0, firstMs: 1, lastMs: 1 };
      const { txId, callId, code } = await forge(network.connectionFile(FIRST), [FIRST, SECOND], [key, fact]);
      // Fabric takes it: the endorsement policy holds.
      expect(code).toBe(0);
      const ledgers = [keeper.ledger(), third.ledger()];
      for (const ledger of ledgers) {
        await expect
          .poll(() => ledger.alarms(), { timeout: LIMIT_MS })
          .toEqual([
            {
              block: expect.any(Number),
              txId,
              code: 'outcome',
              keys: [`call/${callId}`, key],
              detail: expect.any(String),
            },
          ]);
        await expect(ledger.get(key)).rejects.toMatchObject({ code: 'distrusted' });
        await expect(ledger.history(key, { limit: 1 })).rejects.toMatchObject({ code: 'distrusted' });
        await expect(ledger.range(`grant/${patient.pid}/`, `grant/${patient.pid}0`, 10)).rejects.toMatchObject({
          code: 'distrusted',
        });
        await expect(ledger.transaction(callId)).rejects.toMatchObject({ code: 'distrusted' });
        expect(await ledger.get(`patient/pid/${patient.pid}`)).toMatchObject({ pid: patient.pid, status: 'claimed' });
      }
      // What reads the forged grant is committed by honest peers too, whose state holds it, and still counts for nothing.
      const args = { grant };
      const revoke = await consortium.sign({ transaction: 'consent.revoke', args, by: patient.device });
      await expect(keeper.ledger().submit(revoke.call)).rejects.toMatchObject({ code: 'distrusted' });
      await expect(keeper.ledger().get(key)).rejects.toMatchObject({ code: 'distrusted' });
    },
    SETUP_MS,
  );

  it(
    'stop nobody else, and are remembered after a restart',
    async () => {
      const other = newPatient();
      const { call } = await consortium.register(other);
      expect(await keeper.ledger().submit(call)).toMatchObject({ kind: 'committed' });
      const before = keeper.ledger().alarms();
      expect(before.length).toBe(1);
      const ledger = await keeper.reopen();
      expect(ledger.alarms()).toEqual(before);
      expect(await ledger.get(`patient/pid/${other.pid}`)).toMatchObject({ pid: other.pid });
      await expect(ledger.get(before[0]!.keys[1]!)).rejects.toMatchObject({ code: 'distrusted' });
    },
    SETUP_MS,
  );
});

async function commit(place: FabricPlace, call: SignedCall): Promise<void> {
  const { kind } = await place.ledger().submit(call);
  if (kind !== 'committed') throw new Error('the network takes no honest call');
}
