import { describe, expect, it } from 'vitest';
import { DAY_MS, type TestSigner } from '../../test/host.ts';
import { testId, testKey } from '../../test/keys.ts';
import { createNetwork, deviceArgs, deviceBy, type Patient, type TestNetwork } from '../../test/network.ts';
import { DEVICES_MAX } from './device.ts';
import type { PatientFact } from './patient.ts';

const patientFact = (network: TestNetwork, { pid }: Patient): PatientFact =>
  network.state.get(`patient/pid/${pid}`) as unknown as PatientFact;
const epochOf = (network: TestNetwork, { pid }: Patient): unknown => network.state.get(`record/epoch/pid:${pid}`);

function claiming(network: TestNetwork, patient: Patient, changes: object = {}) {
  const devices = [deviceArgs(network, patient.pid, 'phone')];
  const args = { sequence: 1, devices, recovery: patient.recovery.publicKey, ...changes };
  return { transaction: 'patient.claim', args, by: patient.claimBy } as const;
}
function adding(network: TestNetwork, { pid }: Patient, label: string, sequence: number, by: TestSigner) {
  return { transaction: 'patient.addDevice', args: { sequence, device: deviceArgs(network, pid, label) }, by } as const;
}
const removing = (label: string, sequence: number, by: TestSigner) =>
  ({ transaction: 'patient.removeDevice', args: { sequence, kid: testKey(label).kid }, by }) as const;
function recovering(
  network: TestNetwork,
  { pid, recoveryBy }: Patient,
  sequence: number,
  labels: readonly string[],
  recovery: string | null = null,
) {
  const devices = labels.map((label) => deviceArgs(network, pid, label));
  return { transaction: 'patient.recover', args: { sequence, devices, recovery }, by: recoveryBy } as const;
}

describe('patient.claim', () => {
  it('hands the pseudonym to the holder of the slip, once', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.register('hospital-a', 'ann');
    const { pid } = ann;
    const devices = ['phone', 'laptop'].map((label) => deviceArgs(network, pid, label));
    await network.commit(claiming(network, ann, { devices }));
    const kids = ['phone', 'laptop'].map((label) => testKey(label).kid).sort();
    expect(patientFact(network, ann)).toMatchObject({ status: 'claimed', sequence: 1, devices: kids });
    expect(network.state.get(`patient/device/${pid}/${testKey('phone').kid}`)).toEqual({
      kid: testKey('phone').kid,
      publicKey: testKey('phone').publicKey,
      hpke: testKey('phone hpke').publicKey,
      status: 'active',
      addedMs: network.nowMs(),
    });
    await network.refuse(claiming(network, ann, { sequence: 2 }), 'patient-claimed');
  });

  it('is refused when the slip has ended, and accepted at its last millisecond', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.register('hospital-a', 'ann');
    const bob = await network.register('hospital-a', 'bob');
    network.advance(30 * DAY_MS);
    await network.commit(claiming(network, ann));
    network.advance(1);
    await network.refuse(claiming(network, bob), 'claim-expired');
  });

  it('is refused with another key than the slip’s, for another pid, or by the organisation itself', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.register('hospital-a', 'ann');
    const bob = await network.register('hospital-a', 'bob');
    await network.refuse({ ...claiming(network, ann), by: { ...ann.claimBy, key: bob.claimKey } }, 'signature-invalid');
    const unknown = { ...ann.claimBy, signer: `claim:${testId('unknown')}` };
    await network.refuse({ ...claiming(network, ann), by: unknown }, 'signer-unknown');
    const { administrator, node } = network.organisation('hospital-a');
    for (const by of [administrator, node]) {
      await network.refuse({ ...claiming(network, ann), by }, 'signer-not-allowed');
    }
  });

  it('refuses devices without proof of possession, with another pid’s or another network’s proof', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.register('hospital-a', 'ann');
    const good = deviceArgs(network, ann.pid, 'phone');
    const otherPid = deviceArgs(network, testId('other'), 'phone');
    const otherNetwork = deviceArgs({ ...network, host: { ...network.host, network: testId('n') } }, ann.pid, 'phone');
    const swapped = { ...good, hpke: testKey('attacker').publicKey };
    for (const device of [{ ...good, proof: 'A'.repeat(86) }, otherPid, otherNetwork, swapped]) {
      await network.refuse(claiming(network, ann, { devices: [device] }), 'device-proof');
    }
  });

  it('refuses keys with two uses, no device, and more than 20', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.register('hospital-a', 'ann');
    const recovery = (label: string) => ({ recovery: testKey(label).publicKey });
    await network.refuse(claiming(network, ann, recovery('ann claim')), 'key-reused');
    await network.refuse(claiming(network, ann, recovery('phone')), 'key-reused');
    await network.refuse(claiming(network, ann, recovery('phone hpke')), 'key-reused');
    const slip = deviceArgs(network, ann.pid, 'ann claim');
    await network.refuse(claiming(network, ann, { devices: [slip] }), 'key-reused');
    const phone = deviceArgs(network, ann.pid, 'phone');
    await network.refuse(claiming(network, ann, { devices: [phone, phone] }), 'args-invalid');
    await network.refuse(claiming(network, ann, { devices: [] }), 'args-invalid');
    const many = Array.from({ length: DEVICES_MAX + 1 }, (_, index) => deviceArgs(network, ann.pid, `device ${index}`));
    await network.refuse(claiming(network, ann, { devices: many }), 'args-invalid');
    await network.commit(claiming(network, ann, { devices: many.slice(1) }));
    await network.refuse(adding(network, ann, 'one more', 2, deviceBy(ann.pid, 'device 1')), 'device-limit');
  });
});

describe('the sequence', () => {
  it('goes strictly upwards in steps of at most 1,000', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.register('hospital-a', 'ann');
    await network.refuse(claiming(network, ann, { sequence: 0 }), 'sequence-stale');
    await network.refuse(claiming(network, ann, { sequence: 1001 }), 'sequence-jump');
    await network.commit(claiming(network, ann, { sequence: 1000 }));
    const phone = deviceBy(ann.pid, 'phone');
    await network.refuse(adding(network, ann, 'laptop', 1000, phone), 'sequence-stale');
    await network.refuse(adding(network, ann, 'laptop', 999, phone), 'sequence-stale');
    await network.refuse(adding(network, ann, 'laptop', 2001, phone), 'sequence-jump');
    await network.commit(adding(network, ann, 'laptop', 2000, phone));
    await network.refuse(removing('laptop', 2000, phone), 'sequence-stale');
    await network.refuse(recovering(network, ann, 3001, ['new']), 'sequence-jump');
    await network.refuse({ transaction: 'patient.close', args: { sequence: 7 }, by: phone }, 'sequence-stale');
    expect(patientFact(network, ann).sequence).toBe(2000);
  });

  it('lets one of two key changes made at once win', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    await network.commit(adding(network, ann, 'laptop', 2, ann.phone));
    await network.refuse(adding(network, ann, 'tablet', 2, ann.recoveryBy), 'sequence-stale');
  });
});

describe('devices', () => {
  it('are added by a device or the recovery key, and never twice', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    await network.commit(adding(network, ann, 'laptop', 2, ann.phone));
    await network.commit(adding(network, ann, 'tablet', 3, ann.recoveryBy));
    await network.commit(adding(network, ann, 'watch', 4, deviceBy(ann.pid, 'laptop')));
    await network.refuse(adding(network, ann, 'watch', 5, ann.phone), 'device-exists');
    await network.refuse(adding(network, ann, 'ann recovery', 5, ann.phone), 'key-reused');
    expect(patientFact(network, ann).devices).toHaveLength(4);
    expect(epochOf(network, ann)).toBeUndefined();
  });

  it('sign nothing after removal, cannot come back, and their removal ends the epoch', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    await network.commit(adding(network, ann, 'laptop', 2, ann.phone));
    const laptop = deviceBy(ann.pid, 'laptop');
    await network.commit(removing('laptop', 3, ann.phone));
    expect(epochOf(network, ann)).toEqual({ epoch: 2 });
    await network.refuse(adding(network, ann, 'tablet', 4, laptop), 'signer-revoked');
    await network.refuse(removing('ann phone', 4, laptop), 'signer-revoked');
    await network.refuse(adding(network, ann, 'laptop', 4, ann.phone), 'device-exists');
    await network.refuse(removing('laptop', 4, ann.phone), 'device-unknown');
    await network.refuse(removing('never was', 4, ann.phone), 'device-unknown');
  });

  it('are never removed down to none', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    await network.refuse(removing('ann phone', 2, ann.phone), 'last-device');
    await network.refuse(removing('ann phone', 2, ann.recoveryBy), 'last-device');
    expect(epochOf(network, ann)).toBeUndefined();
  });
});

describe('patient.recover', () => {
  it('replaces all devices at once: a stolen phone signs nothing, its epoch is over', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    await network.commit(adding(network, ann, 'thief’s own device', 2, ann.phone));
    const next = testKey('next recovery').publicKey;
    await network.commit(recovering(network, ann, 3, ['new phone', 'new laptop'], next));
    const kids = ['new phone', 'new laptop'].map((label) => testKey(label).kid).sort();
    expect(patientFact(network, ann)).toMatchObject({ devices: kids, recovery: next, sequence: 3 });
    expect(epochOf(network, ann)).toEqual({ epoch: 2 });
    await network.refuse(adding(network, ann, 'x', 4, ann.phone), 'signer-revoked');
    await network.refuse(adding(network, ann, 'x', 4, deviceBy(ann.pid, 'thief’s own device')), 'signer-revoked');
    await network.refuse(recovering(network, ann, 4, ['x']), 'signature-invalid');
    const recoveryBy = { signer: ann.recoveryBy.signer, key: testKey('next recovery') };
    await network.commit({ ...recovering(network, ann, 4, ['newer phone']), by: recoveryBy });
    expect(epochOf(network, ann)).toEqual({ epoch: 3 });
  });

  it('is signed by the recovery key alone, and keeps it where none is named', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    await network.refuse({ ...recovering(network, ann, 2, ['x']), by: ann.phone }, 'signer-not-allowed');
    const posing = { signer: ann.recoveryBy.signer, key: ann.phone.key };
    await network.refuse({ ...recovering(network, ann, 2, ['x']), by: posing }, 'signature-invalid');
    await network.commit(recovering(network, ann, 2, ['new phone']));
    expect(patientFact(network, ann).recovery).toBe(ann.recovery.publicKey);
  });

  it('refuses old device keys, old slips and the same recovery key as new ones', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    await network.refuse(recovering(network, ann, 2, ['ann phone']), 'device-exists');
    await network.refuse(recovering(network, ann, 2, ['x'], ann.recovery.publicKey), 'key-reused');
    await network.refuse(recovering(network, ann, 2, ['x'], ann.claimKey.publicKey), 'key-reused');
    await network.refuse(recovering(network, ann, 2, ['x'], testKey('x').publicKey), 'key-reused');
    await network.refuse(recovering(network, ann, 2, ['ann claim']), 'key-reused');
    await network.refuse(recovering(network, ann, 2, ['x'], ann.phone.key.publicKey), 'key-reused');
  });
});

describe('patient.close', () => {
  it('ends everything but revocation', async () => {
    const network = await createNetwork(['hospital-a']);
    const ann = await network.claim('hospital-a', 'ann');
    await network.commit({ transaction: 'patient.close', args: { sequence: 2 }, by: ann.phone });
    expect(patientFact(network, ann)).toMatchObject({ status: 'closed', closedMs: network.nowMs() });
    expect(epochOf(network, ann)).toEqual({ epoch: 2 });
    await network.refuse({ transaction: 'patient.close', args: { sequence: 3 }, by: ann.phone }, 'patient-closed');
    await network.refuse(adding(network, ann, 'laptop', 3, ann.phone), 'patient-closed');
    await network.refuse(recovering(network, ann, 3, ['x']), 'patient-closed');
    await network.refuse(claiming(network, ann), 'patient-closed');
    const args = { pid: ann.pid, claimKey: testKey('s').publicKey, claimNotAfterMs: network.nowMs() + DAY_MS };
    const by = network.organisation('hospital-a').registrar;
    await network.refuse({ transaction: 'patient.reissueClaim', args, by }, 'patient-closed');
    const revoking = { transaction: 'consent.revoke', args: { grant: testId('g') }, by: ann.phone, notAfter: null };
    await network.commit(revoking);
  });
});
