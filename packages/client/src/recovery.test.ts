import { generateSigningKey, kidOf, randomBytes } from '@salus/crypto';
import {
  addDevice,
  claim,
  closePid,
  createPatientWallet,
  derivedDeviceKeys,
  ownDevice,
  type PatientWallet,
  pidEntry,
} from '@salus/wallet';
import { beforeEach, describe, expect, it } from 'vitest';
import { badGateway, NETWORK, type PatientNode, patientNode, START_MS, tooMany } from '../test/patient-node.ts';
import { ClientError, isCallRefused } from './client-error.ts';
import { putBackup } from './consents.ts';
import { type Recovery, type RecoveryStart, recoverPids, restoreBackups, type UnansweredCall } from './recovery.ts';
import { asPatient, submitCall } from './session.ts';

const occasion = { network: NETWORK, nowMs: START_MS };

let node: PatientNode;
let start: RecoveryStart;
/** The wallet of the device that is lost, which has a pid at each of two hospitals. */
let lost: PatientWallet;

beforeEach(async () => {
  node = await patientNode();
  const made = await createPatientWallet(NETWORK, derivedDeviceKeys(randomBytes(32)));
  lost = made.wallet;
  for (const organisation of ['hospital-a', 'hospital-b']) {
    const prepared = await claim(lost, occasion, node.newSlip(organisation).slip);
    await submitCall(node.api, organisation, prepared);
    lost = prepared.wallet;
  }
  await leaveBackups(lost);
  const { organisation, pid } = lost.content.pids[0]!;
  start = { network: NETWORK, organisation, pid, recoveryCode: made.recoveryCode };
});

async function leaveBackups(wallet: PatientWallet): Promise<void> {
  for (const { pid } of wallet.content.pids) {
    await asPatient(node.api, wallet, pid, (session) => putBackup(session, wallet));
  }
}

interface Try extends Recovery {
  /** What was saved each time, at the moment at which it was. */
  readonly saved: readonly { readonly wallet: PatientWallet; readonly calls: readonly UnansweredCall[] }[];
}

/** On a new device, with nothing but the sheet. */
async function recoverAnew(): Promise<Try> {
  const content = await restoreBackups(node.api, start);
  const saved: { wallet: PatientWallet; calls: readonly UnansweredCall[] }[] = [];
  const restored = { content, keys: derivedDeviceKeys(randomBytes(32)) };
  const save = async (wallet: PatientWallet, calls: readonly UnansweredCall[]): Promise<void> => {
    saved.push({ wallet, calls });
  };
  return { ...(await recoverPids(node.api, restored, { start, nowMs: () => START_MS, save })), saved };
}

async function isOwner(wallet: PatientWallet, pid: string): Promise<boolean> {
  return asPatient(node.api, wallet, pid, async () => true).catch(() => false);
}

describe('a recovery', () => {
  it('gives each pid to the new device, each with a recovery key of its own', async () => {
    const { wallet, outcomes, isBackedUp, unanswered } = await recoverAnew();
    expect(outcomes).toHaveLength(2);
    expect([isBackedUp, unanswered]).toEqual([true, []]);
    for (const { pid } of wallet.content.pids) expect(await isOwner(wallet, pid)).toBe(true);
    const keys = wallet.content.pids.map(({ pid }) => node.patient(pid).recovery);
    expect(new Set(keys).size).toBe(2);
  });

  it('works again and again although no backup was ever left after it', async () => {
    for (const _ of [1, 2, 3]) {
      node.disturb('PUT /api/v1/orgs/hospital-a/patient/backup', { kind: 'refuse', error: tooMany() });
      node.disturb('PUT /api/v1/orgs/hospital-b/patient/backup', { kind: 'refuse', error: badGateway() });
      const { wallet, outcomes, isBackedUp } = await recoverAnew();
      expect(isBackedUp).toBe(false);
      expect(outcomes.every((outcome) => 'block' in outcome)).toBe(true);
      for (const { pid } of wallet.content.pids) expect(await isOwner(wallet, pid)).toBe(true);
    }
  });

  it('keeps the keys of a call that was done and not answered, and the call itself', async () => {
    node.disturb('/hospital-a/calls', { kind: 'lose' });
    const { wallet, outcomes, unanswered, saved } = await recoverAnew();
    expect(outcomes[0]).toMatchObject({ isRefused: false, error: { code: 'answer-cut' } });
    expect(await isOwner(wallet, start.pid)).toBe(true);
    expect(unanswered.map(({ pid }) => pid)).toEqual([start.pid]);
    // Before it went out, and afterwards, it was kept with the keys that it names.
    expect(saved[0]!.calls.map(({ pid }) => pid)).toEqual([start.pid]);
    expect(saved.at(-1)!.calls).toEqual(unanswered);
    await submitCall(node.api, 'hospital-a', unanswered[0]!);
    expect(await isOwner(wallet, start.pid)).toBe(true);
  });

  it('takes a gateway’s answer for no refusal', async () => {
    node.disturb('/hospital-a/calls', { kind: 'refuse', error: badGateway() });
    const { wallet, unanswered } = await recoverAnew();
    expect(await isOwner(wallet, start.pid)).toBe(false);
    await submitCall(node.api, 'hospital-a', unanswered[0]!);
    expect(await isOwner(wallet, start.pid)).toBe(true);
  });

  it('goes on past a closed pid, names its recovery key never again, and keeps what was known of it', async () => {
    const prepared = await closePid(lost, occasion, lost.content.pids[1]!.pid);
    await submitCall(node.api, 'hospital-b', prepared);
    const { wallet, outcomes, unanswered } = await recoverAnew();
    expect(outcomes[1]).toMatchObject({ isRefused: true, error: { code: 'patient-closed' } });
    expect(unanswered).toEqual([]);
    const closed = lost.content.pids[1]!;
    expect(wallet.content.pids.find(({ pid }) => pid === closed.pid)).toMatchObject({ kid: closed.kid });
    expect(wallet.content.recoveryNext).toBe(lost.content.recoveryNext + 2);
  });

  it('is refused with another code, before anything goes out', async () => {
    const other = await createPatientWallet(NETWORK, derivedDeviceKeys(randomBytes(32)));
    start = { ...start, recoveryCode: other.recoveryCode };
    await expect(recoverAnew()).rejects.toMatchObject({ code: 'wrong-recovery-code' });
    expect(await isOwner(lost, start.pid)).toBe(true);
  });

  it('has keys left although the backup is that of a device which gave half of them away', async () => {
    const short = { ...lost.content, recoveryKeys: lost.content.recoveryKeys.slice(0, lost.content.recoveryNext) };
    await leaveBackups({ ...lost, content: short });
    const { outcomes } = await recoverAnew();
    expect(outcomes.every((outcome) => 'block' in outcome)).toBe(true);
  });
});

describe('backups of two devices', () => {
  /** A second device for the first pid alone, with the upper half of the recovery keys, as a joined one gets them. */
  async function addTablet(): Promise<PatientWallet> {
    const keys = derivedDeviceKeys(randomBytes(32));
    const device = await ownDevice(NETWORK, keys, start.pid);
    const added = await addDevice(lost, occasion, { pid: start.pid, device });
    await submitCall(node.api, start.organisation, added);
    const half = Math.ceil(lost.content.recoveryKeys.length / 2);
    const entry = {
      ...pidEntry(added.wallet.content, start.pid),
      kid: kidOf((await keys.signer(start.pid)).publicKey),
    };
    lost = { ...lost, content: { ...added.wallet.content, recoveryKeys: lost.content.recoveryKeys.slice(0, half) } };
    return { content: { ...added.wallet.content, pids: [entry], recoveryNext: half }, keys };
  }

  it('do not take each other’s place: a recovery finds the pids of both, in whatever order they were left', async () => {
    for (const isTabletLast of [true, false]) {
      const { slip } = node.newSlip('hospital-b');
      const claimed = await claim(await addTablet(), occasion, slip);
      await submitCall(node.api, 'hospital-b', claimed);
      const own = lost.content.pids.map(({ pid }) => pid);
      if (isTabletLast) await leaveBackups(lost);
      await leaveBackups(claimed.wallet);
      if (!isTabletLast) await leaveBackups(lost);
      const { wallet, outcomes } = await recoverAnew();
      expect(outcomes.every((outcome) => 'block' in outcome)).toBe(true);
      for (const pid of [...own, slip.pid]) expect(await isOwner(wallet, pid)).toBe(true);
      const keys = wallet.content.pids.map(({ pid }) => node.patient(pid).recovery);
      expect(new Set(keys).size).toBe(wallet.content.pids.length);
      lost = wallet;
    }
  });

  it('that name other recovery keys than the code’s are passed over: a thief’s would take the pids', async () => {
    const tablet = await addTablet();
    const own = await Promise.all(tablet.content.recoveryKeys.map(async () => (await generateSigningKey()).publicKey));
    await leaveBackups({ ...tablet, content: { ...tablet.content, recoveryKeys: own, recoveryNext: 0 } });
    const { outcomes } = await recoverAnew();
    expect(outcomes).toHaveLength(2);
    for (const { pid } of lost.content.pids) expect(own).not.toContain(node.patient(pid).recovery);
  });
});

describe('a call is refused', () => {
  const relayed = (code: string, status: number): ClientError => new ClientError({ relayed: code, status }, code);

  it.each([
    ['patient-claimed', 403],
    ['not-after-passed', 400],
    ['not-permitted', 403],
  ])('by %s', (code, status) => expect(isCallRefused(relayed(code, status))).toBe(true));

  it.each([
    ['refused', 502],
    ['refused', 403],
    ['too-many-requests', 429],
    ['overloaded', 503],
    ['wrong-credentials', 401],
    ['ledger-moved', 410],
    ['toString', 400],
  ])('not by %s (%i), which says nothing of it', (code, status) => {
    expect(isCallRefused(relayed(code, status))).toBe(false);
  });

  it('not where no answer came', () => {
    expect(isCallRefused(new ClientError('answer-cut', 'x'))).toBe(false);
    expect(isCallRefused(new ClientError('not-a-node', 'x'))).toBe(false);
    expect(isCallRefused(new Error('x'))).toBe(false);
  });
});
