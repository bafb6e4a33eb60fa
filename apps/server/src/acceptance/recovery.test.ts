import { kidOf, randomBytes, signerFromPkcs8, toBase64url } from '@salus/crypto';
import {
  addDevice,
  answer,
  backUp,
  claim,
  claimKeyOf,
  closePid,
  createPatientWallet,
  derivedDeviceKeys,
  grant,
  ownDevice,
  type PatientWallet,
  type PreparedCall,
  parseRecoveryCode,
  parseSlip,
  recover,
  removeDevice,
  restoreContent,
  revoke,
} from '@salus/wallet';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  addPatient,
  foundConsortium,
  grantMedication,
  type TestConsortium,
  type TestPatient,
} from '../../test/consortium.ts';
import { outcomeOf } from '../../test/forged-call.ts';
import { submitCall } from '../consent.ts';
import { given } from '../demonstration/cast.ts';
import { findPatientKey } from '../identities.ts';

/** A founding, threads that read the FHIR definitions and fsync, on a machine that may be busy. */
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let consortium: TestConsortium;

beforeAll(async () => {
  consortium = await foundConsortium(['hospital-a', 'hospital-b'], 'recovery');
});

afterAll(async () => {
  await consortium[Symbol.asyncDispose]();
});

function outcome(prepared: Pick<PreparedCall, 'call' | 'privateArgs'>): Promise<string> {
  return outcomeOf(consortium.node.ledger, given(prepared));
}

async function commit(prepared: Pick<PreparedCall, 'call' | 'privateArgs'>): Promise<void> {
  await submitCall(consortium.cast.organisation('hospital-a'), given(prepared));
}

/** Everything that a device can sign for a pid. */
async function everythingBy(wallet: PatientWallet, pid: string, kidToRemove: string): Promise<readonly PreparedCall[]> {
  const { cast, clock } = consortium;
  const occasion = cast.occasion();
  const { content } = await createPatientWallet(cast.node.network, wallet.keys).then((made) => made.wallet);
  const choice = {
    ...{ pid, grantee: { kind: 'organisation', organisation: 'hospital-b' } as const, categories: ['medication'] },
    ...{
      labelClasses: ['N'],
      purposes: ['TREAT'] as const,
      notBeforeMs: clock.nowMs(),
      notAfterMs: clock.nowMs() + 1000,
    },
  };
  const hpke = await wallet.keys.hpkeKey(pid);
  const device = await ownDevice(content.network, derivedDeviceKeys(randomBytes(32)), pid);
  return [
    await grant(wallet, occasion, {
      choice,
      envelopes: [],
      recipients: [{ kid: kidOf(hpke.publicKey), publicKey: hpke.publicKey }],
    }),
    await addDevice(wallet, occasion, { pid, device }),
    await removeDevice(wallet, occasion, { pid, kid: kidToRemove }),
    await closePid(wallet, occasion, pid),
    await revoke(wallet, occasion, { pid, grant: toBase64url(randomBytes(16)) }),
    await answer(wallet, occasion, { pid, request: toBase64url(randomBytes(16)), answer: 'granted' }),
  ];
}

/** Takes a second device into use; the first signs for it. */
async function addTablet(
  patient: TestPatient,
  pid: string,
): Promise<{ readonly wallet: PatientWallet; readonly kid: string }> {
  const keys = derivedDeviceKeys(randomBytes(32));
  const change = await addDevice(patient.wallet, consortium.cast.occasion(), {
    pid,
    device: await ownDevice(consortium.node.network, keys, pid),
  });
  await commit(change);
  patient.wallet = change.wallet;
  const kid = kidOf((await keys.signer(pid)).publicKey);
  const pids = change.wallet.content.pids.map((entry) => (entry.pid === pid ? { ...entry, kid } : entry));
  return { wallet: { content: { ...change.wallet.content, pids }, keys }, kid };
}

test('a slip claims once: the second claim is refused, and the ledger shows that it was tried', async () => {
  const patient = await addPatient(consortium, { at: ['hospital-a'], seed: 11 });
  const pid = patient.pids.get('hospital-a')!;
  const { ledger } = consortium.node;
  const before = await ledger.get(`patient/pid/${pid}`);
  const thief = await createPatientWallet(consortium.node.network, derivedDeviceKeys(randomBytes(32)));
  const second = await claim(thief.wallet, consortium.cast.occasion(), parseSlip(patient.slips[0]!));
  const result = await ledger.submit(second.call);
  expect(result).toMatchObject({ kind: 'refused', code: 'patient-claimed' });
  expect(await ledger.get(`patient/pid/${pid}`)).toEqual(before);
  const seen = await ledger.transaction(result.callId!);
  expect(seen).toMatchObject({ call: second.call, outcome: { kind: 'refused', code: 'patient-claimed' } });
  expect(seen?.block).toBeGreaterThan(0);
});

test('whoever copied the slip and claims first is seen by the patient, whose claim then fails', async () => {
  const patient = await addPatient(consortium, { at: ['hospital-a'], seed: 12, claimed: false });
  const slip = parseSlip(patient.slips[0]!);
  const thief = await createPatientWallet(consortium.node.network, derivedDeviceKeys(randomBytes(32)));
  await commit(await claim(thief.wallet, consortium.cast.occasion(), slip));
  expect(await outcome(await claim(patient.wallet, consortium.cast.occasion(), slip))).toBe('patient-claimed');
  expect(await consortium.node.ledger.get(`patient/pid/${slip.pid}`)).toMatchObject({ status: 'claimed' });
  const slipKey = signerFromPkcs8(claimKeyOf(slip.seed, slip.pid).privateKey);
  expect(await consortium.node.ledger.get(`patient/device/${slip.pid}/${kidOf(slipKey.publicKey)}`)).toBeUndefined();
});

test('a removed device signs nothing and is sealed nothing', async () => {
  const patient = await addPatient(consortium, { at: ['hospital-a'], seed: 13 });
  const pid = patient.pids.get('hospital-a')!;
  const { vault } = consortium.cast.organisation('hospital-a');
  const tablet = await addTablet(patient, pid);
  const hpke = await tablet.wallet.keys.hpkeKey(pid);
  const recipient = { kid: kidOf(hpke.publicKey), publicKey: hpke.publicKey, grant: null };
  expect((await vault.keys.envelopesFor(`pid:${pid}`, recipient)).length).toBeGreaterThan(0);
  const phone = patient.wallet.content.pids.find((entry) => entry.pid === pid)!.kid;
  const removal = await removeDevice(patient.wallet, consortium.cast.occasion(), { pid, kid: tablet.kid });
  await commit(removal);
  patient.wallet = removal.wallet;
  const outcomes = await Promise.all((await everythingBy(tablet.wallet, pid, phone)).map(outcome));
  expect(outcomes).toEqual(Array(6).fill('signer-revoked'));
  await expect(vault.keys.envelopesFor(`pid:${pid}`, recipient)).rejects.toMatchObject({ code: 'denied' });
});

test('a stolen phone and its backup sign nothing after recovery, and the patient reads and grants on', async () => {
  const patient = await addPatient(consortium, { at: ['hospital-a'], seed: 14 });
  const pid = patient.pids.get('hospital-a')!;
  const tablet = await addTablet(patient, pid);
  const kept = await grantMedication(consortium, patient, { author: 'hospital-a', reader: 'hospital-b' });
  const backup = await backUp(patient.wallet);
  // The thief has all that the phone had: root secret, wallet, and the backup, but not the code on paper.
  const stolen = patient.wallet;
  const content = await restoreContent(consortium.node.network, patient.recoveryCode, backup);
  expect(content).toEqual(stolen.content);
  await expect(
    restoreContent(
      consortium.node.network,
      (await createPatientWallet(consortium.node.network, stolen.keys)).recoveryCode,
      backup,
    ),
  ).rejects.toMatchObject({ code: 'bad-wallet' });
  const fresh: PatientWallet = { content, keys: derivedDeviceKeys(randomBytes(32)) };
  const { recoveryCode } = patient;
  const recovered = await recover(fresh, consortium.cast.occasion(), { pid, recoveryCode });
  await commit(recovered);
  const oldKid = stolen.content.pids.find((entry) => entry.pid === pid)!.kid;
  for (const thief of [stolen, tablet.wallet]) {
    const calls = await everythingBy(thief, pid, oldKid);
    expect(await Promise.all(calls.map(outcome))).toEqual(Array(6).fill('signer-revoked'));
  }
  // The recovery key was replaced too: even a copy of the one that was used opens nothing more.
  const again = await recover({ ...fresh, content: bumped(content, pid) }, consortium.cast.occasion(), {
    pid,
    recoveryCode,
  });
  expect(await outcome(again)).toBe('signature-invalid');
  expect(parseRecoveryCode(recoveryCode)).toHaveLength(32);
  const owned: TestPatient = Object.assign(patient, { wallet: recovered.wallet });
  const grantId = await grantMedication(consortium, owned, { author: 'hospital-a', reader: 'hospital-b' });
  const states = await Promise.all([kept, grantId].map((id) => consortium.node.ledger.get(`grant/${pid}/${id}`)));
  expect(states).toMatchObject([{ status: 'active' }, { status: 'active' }]);
});

test('a challenge that a removed device answers opens no session of the patient', async () => {
  const patient = await addPatient(consortium, { at: ['hospital-a'], seed: 15 });
  const pid = patient.pids.get('hospital-a')!;
  const tablet = await addTablet(patient, pid);
  await commit(await removeDevice(patient.wallet, consortium.cast.occasion(), { pid, kid: tablet.kid }));
  const device = (await consortium.node.ledger.get(`patient/device/${pid}/${tablet.kid}`)) as {
    readonly status: string;
  };
  expect(device.status).toBe('removed');
  const named = { organisation: 'hospital-a', pid, kid: tablet.kid };
  expect(await findPatientKey(consortium.node.ledger, { ...named, nowMs: Date.now() })).toBeUndefined();
});

/** The old content with a later sequence, so that only the key can be what is refused. */
function bumped(content: PatientWallet['content'], pid: string): PatientWallet['content'] {
  return {
    ...content,
    pids: content.pids.map((entry) => (entry.pid === pid ? { ...entry, sequence: entry.sequence + 300 } : entry)),
  };
}
