import { describe, expect, it } from 'vitest';
import { DAY_MS, type TestSigner } from '../../test/host.ts';
import { testKey } from '../../test/keys.ts';
import { createNetwork, deviceArgs, patientOf } from '../../test/network.ts';
import { CLAIM_DURATION_MAX_MS } from './register.ts';

const network = await createNetwork();
const a = network.organisation('hospital-a');
const b = network.organisation('hospital-b');

function slip(label: string, by: TestSigner, changes: object = {}, transaction = 'register') {
  const { pid, claimKey } = patientOf('hospital-a', label);
  const args = { pid, claimKey: claimKey.publicKey, claimNotAfterMs: network.nowMs() + DAY_MS, ...changes };
  return { transaction: `patient.${transaction}`, args, by } as const;
}

describe('patient.register', () => {
  it('writes an unclaimed pseudonym of the caller’s organisation, and nothing about the person', async () => {
    await network.commit(slip('ann', a.registrar));
    const { pid, claimKey } = patientOf('hospital-a', 'ann');
    expect(network.state.get(`patient/pid/${pid}`)).toEqual({
      pid,
      organisation: 'hospital-a',
      status: 'unclaimed',
      registeredMs: network.nowMs(),
      sequence: 0,
      claimKey: claimKey.publicKey,
      claimNotAfterMs: network.nowMs() + DAY_MS,
      devices: [],
    });
  });

  it('is for registering roles, nodes and clients on their behalf, and feeds', async () => {
    await network.commit(slip('by a clinician', a.clinician));
    await network.commit(slip('by a feed', a.feed));
    const onBehalfOf = network.delegate(a.clinician, a.node, ['patient.register']);
    await network.commit({ ...slip('by a node', a.node), onBehalfOf });
    await network.refuse(slip('x', a.administrator), 'role-missing');
    await network.refuse(slip('x', a.node), 'delegation-required');
    const device = await network.enrol('hospital-a', { label: 'monitor', kind: 'device' });
    await network.refuse(slip('x', device), 'member-kind-not-allowed');
  });

  it('refuses a pid that exists anywhere, and slips without end or already ended', async () => {
    await network.commit(slip('bob', a.registrar));
    await network.refuse(slip('bob', a.registrar), 'patient-exists');
    await network.refuse(slip('bob', b.registrar), 'patient-exists');
    const nowMs = network.nowMs();
    await network.refuse(slip('x', a.registrar, { claimNotAfterMs: nowMs }), 'claim-expired');
    const tooLong = nowMs + CLAIM_DURATION_MAX_MS + 1;
    await network.refuse(slip('x', a.registrar, { claimNotAfterMs: tooLong }), 'claim-too-long');
    for (const changes of [{ name: 'Ann' }, { pid: 'short' }, { claimKey: 'x' }, { claimNotAfterMs: '1' }]) {
      await network.refuse(slip('x', a.registrar, changes), 'args-invalid');
    }
  });
});

describe('patient.reissueClaim', () => {
  it('makes the old slip worthless', async () => {
    const { pid, claimBy, recovery } = patientOf('hospital-a', 'carl');
    await network.commit(slip('carl', a.registrar));
    const second = testKey('carl second slip');
    await network.commit(slip('carl', a.registrar, { claimKey: second.publicKey }, 'reissueClaim'));
    const args = { sequence: 1, devices: [deviceArgs(network, pid, 'carl phone')], recovery: recovery.publicKey };
    await network.refuse({ transaction: 'patient.claim', args, by: claimBy }, 'signature-invalid');
    await network.commit({ transaction: 'patient.claim', args, by: { ...claimBy, key: second } });
    const third = { claimKey: testKey('carl third slip').publicKey };
    await network.refuse(slip('carl', a.registrar, third, 'reissueClaim'), 'patient-claimed');
  });

  it('refuses the same key again, unknown pids and other organisations', async () => {
    await network.commit(slip('dora', a.registrar));
    await network.refuse(slip('dora', a.registrar, {}, 'reissueClaim'), 'key-reused');
    await network.refuse(slip('unknown', a.registrar, {}, 'reissueClaim'), 'patient-unknown');
    const other = { claimKey: testKey('other').publicKey };
    await network.refuse(slip('dora', b.registrar, other, 'reissueClaim'), 'organisation-mismatch');
    await network.refuse(slip('dora', a.administrator, other, 'reissueClaim'), 'role-missing');
  });
});
