import { beforeEach, describe, expect, it } from 'vitest';
import { type ConsentWorld, createConsentWorld, grantOf, openTerms, revokeOf } from '../../test/consent.ts';
import { appointOf, endOf } from '../../test/guardian.ts';
import { type CallOptions, DAY_MS, type TestSigner } from '../../test/host.ts';
import { testHash, testId, testKey } from '../../test/keys.ts';
import { deviceArgs, deviceBy, type Patient } from '../../test/network.ts';
import { epochKey } from '../epoch.ts';
import { birthdayMs } from './guardian-terms.ts';
import { deviceKey, patientKey } from './patient.ts';

let world: ConsentWorld;
let child: Patient;
let greta: TestSigner;
let registrar: TestSigner;
beforeEach(async () => {
  world = await createConsentWorld();
  child = await world.register('hospital-a', 'child');
  greta = deviceBy(child.pid, 'greta');
  registrar = world.organisation('hospital-a').registrar;
});

const appointing = (overrides: Partial<Parameters<typeof appointOf>[1]> = {}) =>
  appointOf(world, { pid: child.pid, label: 'greta', by: registrar, ...overrides });

describe('patient.appointGuardian', () => {
  it('gives a key of the guardian’s own a scope and an end, and tells nobody whose it is', async () => {
    const untilMs = world.nowMs() + 30 * DAY_MS;
    const call = appointing();
    await world.commit(call);
    const { commitment } = call.args as { readonly commitment: string };
    const { kid, publicKey } = testKey('greta');
    expect(world.state.get(deviceKey(child.pid, kid))).toMatchObject({
      ...{ kid, publicKey, status: 'active' },
      guardian: { scope: ['read', 'consent'], untilMs, commitment, by: 'organisation' },
    });
    expect(world.state.get(patientKey(child.pid))).toMatchObject({
      status: 'unclaimed',
      guardians: [kid],
      devices: [],
    });
    const told = [...world.state].filter(([key]) => key.includes(child.pid));
    expect(told.length).toBeGreaterThan(1);
    expect(JSON.stringify(told)).not.toMatch(/Greta|mother|birth/);
  });

  it('is for who decides: the patient of a claimed pid, staff at the desk for one that nobody has claimed', async () => {
    const { administrator, clinician, node, feed } = world.organisation('hospital-a');
    for (const by of [administrator, clinician]) await world.refuse(appointing({ by }), 'role-missing');
    for (const by of [node, feed]) await world.refuse(appointing({ by }), 'member-kind-not-allowed');
    await world.refuse(appointing({ by: world.organisation('hospital-b').registrar }), 'organisation-mismatch');
    await world.refuse(appointing({ by: world.alice.phone }), 'caller-foreign');
    await world.refuse(appointing({ by: child.claimBy }), 'signer-not-allowed');
    await world.refuse(appointing({ pid: world.alice.pid }), 'patient-claimed');
    await world.refuse(appointing({ pid: world.alice.pid, by: world.alice.recoveryBy }), 'signer-not-allowed');
    await world.commit(appointing({ pid: world.alice.pid, by: world.alice.phone }));
    // Nobody makes themselves one: a key that is not listed signs nothing.
    await world.refuse(appointing({ by: greta }), 'signer-unknown');
  });

  it('refuses an end in the past, too far, or beyond the birthday that ends it', async () => {
    const nowMs = world.nowMs();
    await world.refuse(appointing({ untilMs: nowMs }), 'guardian-ended');
    await world.refuse(appointing({ untilMs: nowMs + 367 * DAY_MS }), 'guardian-too-long');
    const ends = { kind: 'age', bornOn: '2009-01-15', years: 18 } as const;
    const birthday = birthdayMs(ends.bornOn, ends.years);
    expect(new Date(birthday).toISOString()).toBe('2027-01-15T00:00:00.000Z');
    await world.refuse(appointing({ ends, untilMs: birthday + 1 }), 'guardian-age');
    await world.commit(appointing({ ends, untilMs: birthday }));
  });

  it('refuses what the commitment does not open to, another pid’s papers, a used key and a sixth guardian', async () => {
    await world.refuse(appointing({ commitment: testHash('other') }), 'commitment-mismatch');
    await world.refuse(appointing({ appointed: { pid: world.alice.pid } }), 'terms-mismatch');
    await world.refuse(appointing({ appointed: { kid: testId('other') } }), 'terms-mismatch');
    for (const scope of [[], ['read', 'read'], ['everything']])
      await world.refuse(appointing({ scope }), 'args-invalid');
    await world.commit(appointing());
    await world.refuse(appointing(), 'device-exists');
    for (const label of ['two', 'three', 'four', 'five']) await world.commit(appointing({ label }));
    await world.refuse(appointing({ label: 'six' }), 'guardian-limit');
  });

  it('takes evidence of a registrar, who knows the patient less than the patient does', async () => {
    const nothing = { kind: 'other', text: ' ', digest: null } as const;
    await world.refuse(appointing({ appointed: { evidence: nothing } }), 'args-invalid');
    await world.commit(appointing({ appointed: { evidence: { ...nothing, digest: testHash('paper') } } }));
    const { pid, phone } = world.alice;
    await world.commit(appointing({ pid, by: phone, appointed: { evidence: nothing } }));
  });

  it('does not count guardians whose time is over, and ends them with the epoch that they could open', async () => {
    const labels = ['greta', 'two', 'three', 'four', 'five'];
    for (const label of labels) await world.commit(appointing({ label }));
    await world.refuse(appointing({ label: 'six' }), 'guardian-limit');
    world.advance(30 * DAY_MS);
    await world.commit(appointing({ label: 'six' }));
    expect(world.state.get(patientKey(child.pid))).toMatchObject({ guardians: [testKey('six').kid] });
    expect(world.state.get(epochKey(`pid:${child.pid}`))).toEqual({ epoch: 2 });
    const { kid } = testKey('five');
    expect(world.state.get(deviceKey(child.pid, kid))).toMatchObject({ status: 'removed' });
  });

  it('counts birthdays by the calendar, leap days too', () => {
    const days = ['2000-02-29', '1999-12-31', '2008-03-01', '1970-01-01'];
    for (const day of days) {
      for (const years of [1, 4, 18, 30]) {
        const [year = 0, month = 1, date = 1] = day.split('-').map(Number);
        expect(birthdayMs(day, years), `${day} + ${years}`).toBe(Date.UTC(year + years, month - 1, date));
      }
    }
  });
});

describe('a guardian', () => {
  it('grants and revokes for a child, each act on the ledger, until the day it ends', async () => {
    await world.commit(appointing());
    const opened = openTerms(world, 'g', { pid: child.pid });
    await world.commit(grantOf(world, opened, { by: greta }));
    const acts = [...world.state].filter(([key]) => key.startsWith(`patient/act/${child.pid}/`));
    expect(acts.map(([, value]) => value)).toEqual([
      { guardian: testKey('greta').kid, transaction: 'consent.grant', ms: world.nowMs() },
    ]);
    world.advance(30 * DAY_MS);
    await world.refuse({ ...revokeOf(world, 'g'), by: greta }, 'guardian-ended');
    await world.refuse(grantOf(world, openTerms(world, 'h', { pid: child.pid }), { by: greta }), 'guardian-ended');
    await world.refuse(endOf(child.pid, 'greta', greta), 'guardian-ended');
  });

  it('does nothing beyond its scope: no devices, no other guardians, no closing, no erasing', async () => {
    const { pid, phone } = world.alice;
    await world.commit(appointing({ pid, by: phone }));
    await world.commit(appointing({ pid, by: phone, label: 'reader', scope: ['read'] }));
    const by = deviceBy(pid, 'greta');
    const device = deviceArgs(world, pid, 'third');
    const beyond: CallOptions[] = [
      { transaction: 'patient.addDevice', args: { sequence: 2, device }, by },
      { transaction: 'patient.removeDevice', args: { sequence: 2, kid: phone.key.kid }, by },
      { transaction: 'patient.close', args: { sequence: 2 }, by },
      { transaction: 'patient.unmerge', args: { pid }, by },
      { transaction: 'record.erase', args: { leaves: [] }, by },
    ];
    for (const call of beyond.slice(0, 4)) await world.refuse(call, 'guardian-scope');
    expect(await world.submit(world.sign(beyond[4]!))).toMatchObject({ kind: 'refused' });
    await world.refuse(appointing({ pid, by, label: 'friend' }), 'guardian-scope');
    await world.refuse(endOf(pid, 'reader', by), 'guardian-scope');
    await world.refuse(grantOf(world, openTerms(world, 'g'), { by: deviceBy(pid, 'reader') }), 'guardian-scope');
    await world.commit(grantOf(world, openTerms(world, 'g'), { by }));
    // Another patient's guardian is nobody here.
    const posing = { signer: `pid:${child.pid}/${by.key.kid}`, key: by.key };
    await world.refuse(grantOf(world, openTerms(world, 'h', { pid: child.pid }), { by: posing }), 'signer-unknown');
    // The guardian's key is no device of the patient: it cannot be removed as one, and leaves the last device the last.
    const removing = { sequence: 2, kid: by.key.kid };
    await world.refuse({ transaction: 'patient.removeDevice', args: removing, by: phone }, 'device-unknown');
  });

  it('ends when the patient, the recovery key or the guardian says so, and the keys with it', async () => {
    const { pid, phone, recoveryBy } = world.alice;
    const enders = [phone, recoveryBy, deviceBy(pid, 'greta 2')];
    for (const [number, by] of enders.entries()) {
      const label = `greta ${number}`;
      await world.commit(appointing({ pid, by: phone, label }));
      const before = world.state.get(epochKey(`pid:${pid}`)) as { readonly epoch: number } | undefined;
      await world.commit(endOf(pid, label, by));
      const after = world.state.get(epochKey(`pid:${pid}`)) as { readonly epoch: number };
      expect(after.epoch).toBeGreaterThan(before?.epoch ?? 0);
      const removed = deviceBy(pid, label);
      await world.refuse(grantOf(world, openTerms(world, `${label} g`), { by: removed }), 'signer-revoked');
      await world.refuse(endOf(pid, label, phone), 'guardian-unknown');
      await world.refuse(appointing({ pid, by: phone, label }), 'device-exists');
    }
    await world.refuse(endOf(pid, 'greta 0', registrar), 'patient-claimed');
    await world.refuse(endOf(pid, 'greta 0', child.claimBy), 'signer-not-allowed');
  });

  it('of a child is ended by the desk that appointed it, and by the claim', async () => {
    await world.commit(appointing());
    await world.refuse(endOf(child.pid, 'greta', world.alice.phone), 'caller-foreign');
    await world.refuse(endOf(child.pid, 'greta', world.organisation('hospital-b').registrar), 'organisation-mismatch');
    await world.refuse(endOf(child.pid, 'greta', world.organisation('hospital-a').clinician), 'role-missing');
    await world.commit(endOf(child.pid, 'greta', registrar));
    await world.commit(appointing({ label: 'again' }));
    const claiming = {
      sequence: 1,
      devices: [deviceArgs(world, child.pid, 'child phone')],
      recovery: child.recovery.publicKey,
    };
    await world.commit({ transaction: 'patient.claim', args: claiming, by: child.claimBy });
    expect(world.state.get(patientKey(child.pid))).toMatchObject({ status: 'claimed', guardians: [] });
    expect(world.state.get(epochKey(`pid:${child.pid}`))).toEqual({ epoch: 3 });
    const again = { by: deviceBy(child.pid, 'again') };
    await world.refuse(grantOf(world, openTerms(world, 'g', { pid: child.pid }), again), 'signer-revoked');
    await world.refuse(endOf(child.pid, 'again', registrar), 'patient-claimed');
    await world.refuse(appointing({ label: 'third' }), 'patient-claimed');
  });

  it('goes with a recovery, since a thief of a device may have appointed it', async () => {
    const { pid, phone, recoveryBy } = world.alice;
    await world.commit(appointing({ pid, by: phone }));
    const args = { sequence: 2, devices: [deviceArgs(world, pid, 'new phone')], recovery: null };
    await world.commit({ transaction: 'patient.recover', args, by: recoveryBy });
    expect(world.state.get(patientKey(pid))).toMatchObject({ guardians: [] });
    await world.refuse(grantOf(world, openTerms(world, 'g'), { by: deviceBy(pid, 'greta') }), 'signer-revoked');
  });
});

describe('patient.expireGuardian', () => {
  const expiryOf = (pid: string, label: string, by: TestSigner): CallOptions => ({
    transaction: 'patient.expireGuardian',
    args: { pid, kid: testKey(label).kid },
    by,
  });

  it('ends a guardianship from its end on, and the epoch with it, once', async () => {
    const { node } = world.organisation('hospital-a');
    await world.commit(appointing());
    world.advance(30 * DAY_MS - 1);
    await world.refuse(expiryOf(child.pid, 'greta', node), 'guardian-not-ended');
    world.advance(1);
    await world.commit(expiryOf(child.pid, 'greta', node));
    expect(world.state.get(patientKey(child.pid))).toMatchObject({ guardians: [] });
    expect(world.state.get(epochKey(`pid:${child.pid}`))).toEqual({ epoch: 2 });
    await world.refuse(expiryOf(child.pid, 'greta', node), 'guardian-unknown');
  });

  it('is for the node that keeps the pid, and never ends a device of the patient', async () => {
    const { node } = world.organisation('hospital-a');
    const { pid, phone } = world.alice;
    await world.commit(appointing());
    world.advance(30 * DAY_MS);
    const others = world.organisation('hospital-b').node;
    await world.refuse(expiryOf(child.pid, 'greta', others), 'organisation-mismatch');
    await world.refuse(expiryOf(child.pid, 'greta', registrar), 'member-kind-not-allowed');
    await world.refuse(expiryOf(child.pid, 'greta', greta), 'signer-not-allowed');
    await world.refuse(expiryOf(testId('nobody'), 'greta', node), 'patient-unknown');
    const device = { transaction: 'patient.expireGuardian', args: { pid, kid: phone.key.kid }, by: node };
    await world.refuse(device, 'guardian-unknown');
  });
});
