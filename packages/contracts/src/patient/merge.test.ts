import { hashTuple } from '@salus/crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { CallOptions } from '../../test/host.ts';
import { testHash } from '../../test/keys.ts';
import { createNetwork, deviceArgs, type Patient, type TestNetwork } from '../../test/network.ts';
import { mergeCommitment } from './merge.ts';
import { patientKey } from './patient.ts';

let world: TestNetwork;
let survivor: Patient;
let second: Patient;

beforeEach(async () => {
  world = await createNetwork(['hospital-a', 'hospital-b']);
  survivor = await world.register('hospital-a', 'ann');
  second = await world.register('hospital-a', 'ann again');
});

const salt = testHash('salt');
const committed = (pid: string, into: string): string =>
  mergeCommitment({ hashTuple }, { network: world.host.network, pid, survivor: into, salt });

const merging = (
  { pid }: Patient,
  by: CallOptions['by'] = world.organisation('hospital-a').feed,
  overrides: { readonly into?: string; readonly commitment?: string } = {},
): CallOptions => {
  const into = overrides.into ?? survivor.pid;
  const commitment = overrides.commitment ?? committed(pid, into);
  return { transaction: 'patient.merge', args: { pid, commitment }, by, values: { survivor: into, salt } };
};
const unmerging = ({ pid }: Patient, by: CallOptions['by'] = world.organisation('hospital-a').feed): CallOptions => ({
  transaction: 'patient.unmerge',
  args: { pid },
  by,
});

describe('patient.merge', () => {
  it('closes the second pid until it is taken back, and holds nothing of the first', async () => {
    const before = world.state.get(patientKey(second.pid)) as object;
    const calls = new Map(world.state);
    await world.commit(merging(second));
    const commitment = committed(second.pid, survivor.pid);
    expect(world.state.get(patientKey(second.pid))).toEqual({
      ...before,
      merged: { commitment, sinceMs: world.nowMs() },
    });
    const changed = [...world.state].filter(([key, value]) => calls.get(key) !== value);
    expect(changed.length).toBeGreaterThan(0);
    expect(JSON.stringify(changed)).not.toContain(survivor.pid);
    await world.commit(unmerging(second));
    expect(world.state.get(patientKey(second.pid))).toEqual(before);
  });

  it('says another thing each time: without its salt nobody can tell which pid goes on', () => {
    const commitments = ['salt 1', 'salt 2'].map((label) =>
      mergeCommitment(
        { hashTuple },
        { network: world.host.network, pid: second.pid, survivor: survivor.pid, salt: testHash(label) },
      ),
    );
    expect(new Set(commitments).size).toBe(2);
  });

  it('refuses a survivor that the commitment does not open to, or that is the pid itself', async () => {
    await world.refuse(merging(second, undefined, { commitment: testHash('other') }), 'commitment-mismatch');
    await world.refuse(merging(second, undefined, { into: second.pid }), 'commitment-mismatch');
  });

  it('is the custodian’s while nobody has claimed the pid: by those who may register, of its own organisation', async () => {
    const { administrator, registrar, node } = world.organisation('hospital-a');
    await world.refuse(merging(second, world.organisation('hospital-b').feed), 'organisation-mismatch');
    await world.refuse(merging(second, administrator), 'role-missing');
    await world.refuse(merging(second, node), 'delegation-required');
    await world.commit(merging(second, registrar));
    await world.refuse(merging(second, registrar), 'patient-merged');
    await world.refuse(unmerging(second, world.organisation('hospital-b').registrar), 'organisation-mismatch');
    await world.refuse(unmerging(second, administrator), 'role-missing');
    await world.commit(unmerging(second, registrar));
    await world.refuse(unmerging(second, registrar), 'patient-not-merged');
  });

  it('is the patient’s alone once it is claimed', async () => {
    const claimed = await world.claim('hospital-a', 'eve');
    const { feed, registrar } = world.organisation('hospital-a');
    await world.refuse(merging(claimed, feed), 'patient-claimed');
    await world.refuse(merging(claimed, registrar), 'patient-claimed');
    const other = await world.claim('hospital-a', 'bob');
    await world.refuse(merging(claimed, other.phone), 'caller-foreign');
    await world.refuse(merging(claimed, claimed.recoveryBy), 'signer-not-allowed');
    await world.commit(merging(claimed, claimed.phone));
    await world.refuse(unmerging(claimed, feed), 'patient-claimed');
    await world.refuse(unmerging(claimed, other.phone), 'caller-foreign');
    await world.commit(unmerging(claimed, claimed.phone));
  });

  it('is never a way to a claimed pid: a merged one can neither be claimed nor get a new slip', async () => {
    await world.commit(merging(second));
    const { registrar } = world.organisation('hospital-a');
    const args = { pid: second.pid, claimKey: survivor.claimKey.publicKey, claimNotAfterMs: world.nowMs() + 1_000 };
    await world.refuse({ transaction: 'patient.reissueClaim', args, by: registrar }, 'patient-merged');
    const claim = {
      sequence: 1,
      devices: [deviceArgs(world, second.pid, 'phone')],
      recovery: second.recovery.publicKey,
    };
    await world.refuse({ transaction: 'patient.claim', args: claim, by: second.claimBy }, 'patient-merged');
  });

  it('leaves the patient’s keys in the patient’s hands', async () => {
    const claimed = await world.claim('hospital-a', 'eve');
    await world.commit(merging(claimed, claimed.phone));
    await world.commit({ transaction: 'patient.close', args: { sequence: 2 }, by: claimed.phone });
    await world.refuse(unmerging(claimed, claimed.phone), 'patient-closed');
  });
});
