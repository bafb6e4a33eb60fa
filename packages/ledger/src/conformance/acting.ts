import {
  type Appointment,
  type DisputeStatement,
  disputeCommitment,
  guardianCommitment,
  type JsonObject,
} from '@salus/contracts';
import { hashTuple, kidOf, leafHash, randomBytes, toBase64url } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { deviceArgs, grantOf, newId, newKey, type Party, type Patient, type PreparedCall } from './consortium.ts';
import { newHash, type Suite, type SuiteSource } from './suite.ts';

const HOUR_MS = 3_600_000;

/** Part of the suite that every engine runs: what people do for others, state and hold fast. */
export function describeActing(suite: SuiteSource): void {
  describe('acting', () => {
    it('lets a guardian act within the scope, each act beside the pid, and not after the end', async () => {
      const patient = await claimed(suite());
      const { pid } = patient;
      const guardian = guardianOf(pid);
      const { kid } = guardian;
      await suite().commit(await appointing(suite(), patient, guardian));
      const { consortium, ledger } = suite();
      const granting = () => grantOf(consortium, { pid, grant: newId(), by: guardian.party, nowMs: suite().nowMs() });
      const { callId } = await suite().commit(await granting());
      const act = (await ledger.get(`patient/act/${pid}/${callId}`)) as JsonObject | undefined;
      expect(act).toMatchObject({ guardian: kid, transaction: 'consent.grant' });
      const device = deviceArgs(consortium.network, pid, newKey());
      const adding = { transaction: 'patient.addDevice', args: { sequence: 2, device } };
      const beyond = await consortium.sign({ ...adding, by: guardian.party });
      expect(await suite().submit(beyond)).toMatchObject({ kind: 'refused', code: 'guardian-scope' });
      const end = { transaction: 'patient.endGuardian', args: { pid, kid }, by: patient.device };
      await suite().commit(await consortium.sign(end));
      expect(await suite().submit(await granting())).toMatchObject({ kind: 'refused', code: 'signer-revoked' });
    });

    it('ends with the claim whom a registrar appointed, and lets the node end only what is over', async () => {
      const patient = await suite().register();
      const { pid } = patient;
      const { consortium, ledger } = suite();
      const guardian = guardianOf(pid);
      const { kid } = guardian;
      await suite().commit(await appointing(suite(), { ...patient, device: consortium.registrar }, guardian));
      const expiring = { transaction: 'patient.expireGuardian', args: { pid, kid }, by: consortium.node };
      const early = await suite().submit(await consortium.sign(expiring));
      expect(early).toMatchObject({ kind: 'refused', code: 'guardian-not-ended' });
      await suite().commit(await consortium.claim(patient));
      expect(await ledger.get(`patient/device/${pid}/${kid}`)).toMatchObject({ status: 'removed' });
      expect(await ledger.get(`record/epoch/pid:${pid}`)).toEqual({ epoch: 2 });
    });

    it('keeps a patient’s statement about a version, by a commitment, until it is taken back', async () => {
      const patient = await claimed(suite());
      const leaf = await recorded(suite(), patient);
      const stated = await disputing(suite(), patient, leaf);
      await suite().commit(stated);
      const { dispute } = stated.call.payload.args as { readonly dispute: string };
      const key = `record/dispute/${patient.pid}/${dispute}`;
      expect(await suite().ledger.get(key)).toMatchObject({ status: 'open', leafHash: leaf.leafHash });
      expect(await suite().submit(await disputing(suite(), await claimed(suite()), leaf))).toMatchObject({
        code: 'owner-foreign',
      });
      const back = { transaction: 'record.withdrawDispute', args: { dispute }, by: patient.device };
      await suite().commit(await suite().consortium.sign(back));
      expect(await suite().submit(await suite().consortium.sign(back))).toMatchObject({ code: 'dispute-answered' });
    });

    it('lists releases by administrators and holds fast to reports by nodes', async () => {
      const { consortium } = suite();
      const { administrator, node, feed } = consortium;
      const listing = (by: Party, hash: string) =>
        consortium.sign({ transaction: 'membership.listRelease', args: { name: 'web', hash }, by });
      const hash = newHash();
      await suite().commit(await listing(administrator, hash));
      expect(await suite().submit(await listing(administrator, hash))).toMatchObject({ code: 'release-exists' });
      expect(await suite().submit(await listing(feed, newHash()))).toMatchObject({ code: 'member-kind-not-allowed' });
      const args = { report: newId(), commitment: newHash() };
      const reporting = () => consortium.sign({ transaction: 'access.report', args, by: node });
      await suite().commit(await reporting());
      expect(await suite().submit(await reporting())).toMatchObject({ code: 'report-exists' });
    });
  });
}

async function claimed(suite: Suite): Promise<Patient> {
  const patient = await suite.register();
  await suite.commit(await suite.consortium.claim(patient));
  return patient;
}

interface TestGuardian {
  readonly kid: string;
  readonly party: Party;
}

function guardianOf(pid: string): TestGuardian {
  const key = newKey();
  const kid = kidOf(key.publicKey);
  return { kid, party: { signer: `pid:${pid}/${kid}`, key } };
}

function appointing(suite: Suite, { pid, device }: Patient, guardian: TestGuardian): Promise<PreparedCall> {
  const { consortium } = suite;
  const { network } = consortium;
  const appointed: Appointment = {
    ...{ version: 'salus:guardian:v1', network, pid, kid: guardian.kid, ends: { kind: 'date' } },
    guardian: { name: 'Greta Guardian', relation: 'mother' },
    evidence: { kind: 'in-person', text: 'came with the patient', digest: null },
  };
  const priv = { appointed, salt: toBase64url(randomBytes(32)) };
  const untilMs = suite.nowMs() + HOUR_MS;
  const commitment = guardianCommitment({ hashTuple }, priv);
  const args = {
    ...{ pid, scope: ['consent'], untilMs, commitment },
    device: deviceArgs(network, pid, guardian.party.key),
  };
  const values = priv as unknown as JsonObject;
  return consortium.sign({ transaction: 'patient.appointGuardian', args, by: device, values });
}

type Leaf = {
  readonly leafHash: string;
  readonly keyId: string;
  readonly batch: string;
  readonly index: 0;
  readonly proof: readonly never[];
};

/** One version in a batch of its own, whose root is its leaf. */
async function recorded(suite: Suite, { pid }: Patient): Promise<Leaf> {
  const owner = `pid:${pid}`;
  const keyId = newId();
  const root = toBase64url(leafHash(randomBytes(32)));
  const args = {
    batches: [{ owner, keyId, count: 1, root }],
    keys: [{ keyId, owner, epoch: 1 }],
    tables: [{ owner, epoch: 1, root: newHash(), size: 40, version: 1 }],
    registrations: [],
  };
  const call = await suite.consortium.sign({ transaction: 'record.commit', args, by: suite.consortium.feed });
  const { callId } = await suite.commit(call);
  return { leafHash: root, keyId, batch: callId, index: 0, proof: [] };
}

function disputing({ consortium }: Suite, { pid, device }: Patient, leaf: Leaf): Promise<PreparedCall> {
  const dispute = newId();
  const { network } = consortium;
  const text = 'This is wrong.';
  const statement: DisputeStatement = {
    version: 'salus:dispute:v1',
    network,
    pid,
    dispute,
    leafHash: leaf.leafHash,
    text,
  };
  const salt = toBase64url(randomBytes(32));
  const args = { dispute, leaf, commitment: disputeCommitment({ hashTuple }, statement, salt) };
  const values = { statement, salt } as unknown as JsonObject;
  return consortium.sign({ transaction: 'record.dispute', args: args as unknown as JsonObject, by: device, values });
}
