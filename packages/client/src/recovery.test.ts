import { randomBytes } from '@salus/crypto';
import { closePid, createPatientWallet, derivedDeviceKeys, type PatientWallet } from '@salus/wallet';
import { beforeEach, describe, expect, it } from 'vitest';
import { claimAt, isOwner, joinTablet, leaveBackups, lostDevice, occasion, recoverAnew } from '../test/lost-device.ts';
import { badGateway, NETWORK, type PatientNode, patientNode, tooMany } from '../test/patient-node.ts';
import { ClientError, isCallRefused } from './client-error.ts';
import type { RecoveryStart } from './restored.ts';
import { submitCall } from './session.ts';

let node: PatientNode;
let start: RecoveryStart;
/** The wallet of the device that is lost, which has a pid at each of two hospitals. */
let lost: PatientWallet;

beforeEach(async () => {
  node = await patientNode();
  ({ lost, start } = await lostDevice(node, ['hospital-a', 'hospital-b']));
});

describe('a recovery', () => {
  it('gives each pid to the new device, each with a recovery key of its own', async () => {
    const { wallet, outcomes, isBackedUp, unanswered } = await recoverAnew(node, start);
    expect(outcomes).toHaveLength(2);
    expect([isBackedUp, unanswered]).toEqual([true, []]);
    for (const { pid } of wallet.content.pids) expect(await isOwner(node, wallet, pid)).toBe(true);
    const keys = wallet.content.pids.map(({ pid }) => node.patient(pid).recovery);
    expect(new Set(keys).size).toBe(2);
  });

  it('works again and again although no backup was ever left after it', async () => {
    for (const _ of [1, 2, 3]) {
      node.disturb('PUT /api/v1/orgs/hospital-a/patient/backup', { kind: 'refuse', error: tooMany() });
      node.disturb('PUT /api/v1/orgs/hospital-b/patient/backup', { kind: 'refuse', error: badGateway() });
      const { wallet, outcomes, isBackedUp } = await recoverAnew(node, start);
      expect(isBackedUp).toBe(false);
      expect(outcomes.every((outcome) => 'block' in outcome)).toBe(true);
      for (const { pid } of wallet.content.pids) expect(await isOwner(node, wallet, pid)).toBe(true);
    }
  });

  it('keeps the keys of a call that was done and not answered, and the call itself', async () => {
    node.disturb('/hospital-a/calls', { kind: 'lose' });
    const { wallet, outcomes, unanswered, saved } = await recoverAnew(node, start);
    expect(outcomes[0]).toMatchObject({ isRefused: false, error: { code: 'answer-cut' } });
    expect(await isOwner(node, wallet, start.pid)).toBe(true);
    expect(unanswered.map(({ pid }) => pid)).toEqual([start.pid]);
    // Before it went out, and afterwards, it was kept with the keys that it names.
    expect(saved[0]!.calls.map(({ pid }) => pid)).toEqual([start.pid]);
    expect(saved.at(-1)!.calls).toEqual(unanswered);
    await submitCall(node.api, 'hospital-a', unanswered[0]!);
    expect(await isOwner(node, wallet, start.pid)).toBe(true);
  });

  it('takes a gateway’s answer for no refusal', async () => {
    node.disturb('/hospital-a/calls', { kind: 'refuse', error: badGateway() });
    const { wallet, unanswered } = await recoverAnew(node, start);
    expect(await isOwner(node, wallet, start.pid)).toBe(false);
    await submitCall(node.api, 'hospital-a', unanswered[0]!);
    expect(await isOwner(node, wallet, start.pid)).toBe(true);
  });

  it('goes on past a closed pid, and keeps what was known of it', async () => {
    const prepared = await closePid(lost, occasion, lost.content.pids[1]!.pid);
    await submitCall(node.api, 'hospital-b', prepared);
    const { wallet, outcomes, unanswered } = await recoverAnew(node, start);
    expect(outcomes[1]).toMatchObject({ isRefused: true, error: { code: 'patient-closed' } });
    expect(unanswered).toEqual([]);
    const closed = lost.content.pids[1]!;
    expect(wallet.content.pids.find(({ pid }) => pid === closed.pid)).toMatchObject({ kid: closed.kid });
    expect(wallet.content.recoveryNext).toBe(lost.content.recoveryNext);
  });

  it('is refused with another code, before anything goes out', async () => {
    const other = await createPatientWallet(NETWORK, derivedDeviceKeys(randomBytes(32)));
    start = { ...start, recoveryCode: other.recoveryCode };
    await expect(recoverAnew(node, start)).rejects.toMatchObject({ code: 'wrong-recovery-code' });
    expect(await isOwner(node, lost, start.pid)).toBe(true);
  });

  it('has keys left although the backup is that of a device which gave half of them away', async () => {
    const short = { ...lost.content, recoveryKeys: lost.content.recoveryKeys.slice(0, lost.content.recoveryNext) };
    await leaveBackups(node, { ...lost, content: short });
    const { outcomes } = await recoverAnew(node, start);
    expect(outcomes.every((outcome) => 'block' in outcome)).toBe(true);
  });
});

describe('backups of two devices', () => {
  it('do not take each other’s place: a recovery finds the pids of both, in whatever order they were left', async () => {
    for (const isTabletLast of [true, false]) {
      const { phone, tablet } = await joinTablet(node, lost, start.pid);
      const claimed = await claimAt(node, tablet, 'hospital-b');
      const own = [...lost.content.pids, claimed.content.pids.at(-1)!].map(({ pid }) => pid);
      if (isTabletLast) await leaveBackups(node, phone);
      await leaveBackups(node, claimed);
      if (!isTabletLast) await leaveBackups(node, phone);
      const { wallet, outcomes } = await recoverAnew(node, start);
      expect(outcomes.every((outcome) => 'block' in outcome)).toBe(true);
      for (const pid of own) expect(await isOwner(node, wallet, pid)).toBe(true);
      const keys = wallet.content.pids.map(({ pid }) => node.patient(pid).recovery);
      expect(new Set(keys).size).toBe(wallet.content.pids.length);
      lost = wallet;
    }
  });

  it('that join and are recovered again and again never run out of recovery keys, nor give one to two pids', async () => {
    const organisations = ['hospital-a', 'hospital-b', 'hospital-a', 'hospital-b', 'hospital-a'];
    ({ lost, start } = await lostDevice(node, organisations));
    const given = new Map<string, string>();
    const note = (wallet: PatientWallet): void => {
      for (const { pid } of wallet.content.pids) {
        const { recovery = '' } = node.patient(pid);
        expect(given.get(recovery) ?? pid).toBe(pid);
        given.set(recovery, pid);
      }
    };
    for (const _ of [1, 2, 3, 4, 5]) {
      note(lost);
      const { phone, tablet } = await joinTablet(node, lost, start.pid);
      await leaveBackups(node, phone);
      await leaveBackups(node, tablet);
      const { wallet, outcomes } = await recoverAnew(node, start);
      expect(outcomes.filter((outcome) => 'block' in outcome)).toHaveLength(organisations.length);
      for (const { pid } of phone.content.pids) expect(await isOwner(node, wallet, pid)).toBe(true);
      lost = wallet;
    }
    lost = await claimAt(node, lost, 'hospital-b');
    note(lost);
    expect(given.size).toBe(organisations.length * 6 + 1);
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
