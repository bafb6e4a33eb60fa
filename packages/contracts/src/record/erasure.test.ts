import { beforeEach, describe, expect, it } from 'vitest';
import type { CallOptions } from '../../test/host.ts';
import { testHash, testId } from '../../test/keys.ts';
import { batchOf, commitBatch, createRecordWorld, type RecordWorld } from '../../test/record.ts';
import type { JsonObject } from '../json.ts';
import { patientKey } from '../patient/patient.ts';
import { ERASURE_OPEN_MS } from './erasure.ts';
import { erasureKey, leafKey } from './record-facts.ts';

let world: RecordWorld;
let call: string;
const batch = batchOf('key', 'v1', 'v2');

beforeEach(async () => {
  world = await createRecordWorld();
  call = await commitBatch(world, batch, { keys: ['key'], table: true });
});

const proposalOf = (args: JsonObject = {}, by: CallOptions['by'] = world.organisation('hospital-a').administrator) => ({
  transaction: 'record.proposeErasure',
  args: {
    owner: world.owner,
    leaves: [batch.leaf(0, call), batch.leaf(1, call)],
    reason: 'court-order',
    ...args,
  },
  by,
});
const approvalOf = (
  erasure: string,
  by: CallOptions['by'] = world.organisation('hospital-b').administrator,
): CallOptions => ({ transaction: 'record.approveErasure', args: { erasure }, by });

async function propose(): Promise<string> {
  const result = await world.commit(proposalOf());
  return (result as { erasure: string }).erasure;
}

describe('an erasure for a legal reason', () => {
  it('needs administrators of two organisations and takes effect with the second', async () => {
    const erasure = await propose();
    const leaves = [0, 1].map((index) => {
      const { keyId, leafHash } = batch.leaf(index, call);
      return { keyId, leafHash };
    });
    const { administrator } = world.organisation('hospital-a');
    expect(world.state.get(erasureKey(erasure))).toEqual({
      owner: world.owner,
      reason: 'court-order',
      leaves,
      organisation: 'hospital-a',
      proposer: administrator.id,
      proposedMs: world.nowMs(),
      status: 'open',
    });
    for (const { keyId, leafHash } of leaves) expect(world.state.has(leafKey(keyId, leafHash))).toBe(false);
    await world.refuse(approvalOf(erasure, administrator), 'erasure-same-organisation');
    await expect(world.commit(approvalOf(erasure))).resolves.toEqual({ owner: world.owner, leaves: 2 });
    for (const { keyId, leafHash } of leaves)
      expect(world.state.get(leafKey(keyId, leafHash))).toMatchObject({ status: 'erased' });
    expect(world.state.get(erasureKey(erasure))).toMatchObject({
      status: 'approved',
      approvedBy: { organisation: 'hospital-b', ms: world.nowMs() },
    });
    const third = world.organisation('hospital-c').administrator;
    await world.refuse(approvalOf(erasure, third), 'erasure-approved');
  });

  it('is possible after the patient closed the pid', async () => {
    const fact = world.state.get(patientKey(world.alice.pid)) as JsonObject;
    world.state.set(patientKey(world.alice.pid), { ...fact, status: 'closed' });
    await world.commit(approvalOf(await propose()));
  });

  it('is proposed only by the organisation that keeps the records, for a reason of the closed list', async () => {
    const foreign = world.organisation('hospital-b').administrator;
    await world.refuse(proposalOf({}, foreign), 'owner-foreign');
    await world.refuse(proposalOf({ reason: 'embarrassing' }), 'args-invalid');
    await world.refuse(proposalOf({ owner: `pid:${testId('nobody')}` }), 'patient-unknown');
    await world.refuse(proposalOf({}, world.organisation('hospital-a').clinician), 'role-missing');
    await world.refuse(proposalOf({}, world.organisation('hospital-a').node), 'member-kind-not-allowed');
    await world.refuse(proposalOf({}, world.alice.phone), 'signer-not-allowed');
  });

  it('refuses leaves of another owner and leaves without proof', async () => {
    await world.refuse(proposalOf({ owner: 'org:hospital-a' }), 'owner-foreign');
    await world.refuse(proposalOf({ leaves: [{ ...batch.leaf(0, call), index: 1 }] }), 'inclusion-invalid');
    await world.refuse(proposalOf({ leaves: [batch.leaf(0, testHash('x'))] }), 'batch-unknown');
    await world.refuse(proposalOf({ leaves: [] }), 'args-invalid');
  });

  it('lapses after 30 days', async () => {
    const erasure = await propose();
    world.advance(ERASURE_OPEN_MS + 1);
    await world.refuse(approvalOf(erasure), 'erasure-expired');
    world.advance(-1);
    await world.commit(approvalOf(erasure));
  });

  it('is refused when unknown, or when a leaf was erased meanwhile', async () => {
    await world.refuse(approvalOf(testHash('x')), 'erasure-unknown');
    const erasure = await propose();
    const args = { leaves: [batch.leaf(0, call)] };
    await world.commit({ transaction: 'record.erase', args, by: world.alice.phone });
    await world.refuse(approvalOf(erasure), 'leaf-ended');
  });
});
