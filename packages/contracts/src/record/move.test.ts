import { beforeEach, describe, expect, it } from 'vitest';
import type { CallOptions } from '../../test/host.ts';
import { testHash } from '../../test/keys.ts';
import type { Patient } from '../../test/network.ts';
import { batchOf, commitBatch, commitOf, createRecordWorld, type RecordWorld } from '../../test/record.ts';
import { type PatientFact, patientKey } from '../patient/patient.ts';
import type { LeafReference } from './leaf.ts';
import { leafKey } from './record-facts.ts';

let world: RecordWorld;
let wrong: readonly LeafReference[];

beforeEach(async () => {
  world = await createRecordWorld();
  const call = await commitBatch(world, batchOf('key', 'v1', 'v2'), { keys: ['key'], table: true });
  wrong = [0, 1].map((index) => batchOf('key', 'v1', 'v2').leaf(index, call));
});

const moving = (
  leaves: readonly LeafReference[],
  by: CallOptions['by'] = world.organisation('hospital-a').feed,
  successors = leaves.map((_, at) => testHash(`successor ${at}`)),
): CallOptions => ({ transaction: 'record.move', args: { leaves, successors }, by });

/** As state has it after `patient.merge` or `patient.close`. */
function setPatient({ pid }: Patient, change: object): void {
  const fact = world.state.get(patientKey(pid)) as PatientFact;
  world.state.set(patientKey(pid), { ...fact, ...change } as unknown as PatientFact);
}

describe('record.move', () => {
  it('hides versions at the wrong patient with a commitment to where they are right, and names nobody', async () => {
    const outcome = await world.submit(world.sign(moving(wrong)));
    expect(outcome).toMatchObject({ kind: 'committed', result: { leaves: 2 } });
    const { keyId, leafHash } = wrong[0]!;
    expect(world.state.get(leafKey(keyId, leafHash))).toEqual({
      status: 'tombstoned',
      call: outcome.callId,
      successor: testHash('successor 0'),
    });
  });

  it('moves a version once', async () => {
    await world.commit(moving([wrong[0]!]));
    await world.refuse(moving([wrong[0]!]), 'leaf-ended');
    await world.refuse(
      { transaction: 'record.tombstone', args: { leaves: [wrong[0]!] }, by: world.organisation('hospital-a').feed },
      'leaf-ended',
    );
  });

  it('is refused to everybody but who may write that record', async () => {
    const { node, administrator, clinician } = world.organisation('hospital-a');
    await world.refuse(moving(wrong, world.organisation('hospital-b').feed), 'owner-foreign');
    await world.refuse(moving(wrong, node), 'delegation-required');
    await world.refuse(moving(wrong, clinician), 'member-kind-not-allowed');
    await world.refuse(moving(wrong, world.alice.phone), 'signer-not-allowed');
    const scope = ['record.move'];
    const asAdministrator = world.delegate(administrator, node, scope);
    await world.refuse({ ...moving(wrong, node), onBehalfOf: asAdministrator }, 'role-missing');
    await world.commit({ ...moving(wrong, node), onBehalfOf: world.delegate(clinician, node, scope) });
  });

  it('takes what was never its patient’s out of a merged and out of a closed pid, into which nothing is written', async () => {
    setPatient(world.alice, { merged: { commitment: testHash('merge'), sinceMs: world.nowMs() } });
    await world.refuse(commitOf(world, { batches: [batchOf('key', 'late')] }), 'patient-merged');
    await world.commit(moving([wrong[0]!]));
    setPatient(world.alice, { status: 'closed' });
    await world.commit(moving([wrong[1]!]));
  });

  it('refuses leaves without proof, and commitments that are not one for each', async () => {
    await world.refuse(moving([{ ...wrong[0]!, index: 1 }]), 'inclusion-invalid');
    await world.refuse(moving(wrong, undefined, [testHash('one')]), 'args-invalid');
    await world.refuse(moving(wrong, undefined, [testHash('one'), testHash('one')]), 'args-invalid');
    await world.refuse(moving([]), 'args-invalid');
  });

  it('takes superseded versions along, which stand in the wrong record, too', async () => {
    await world.commit(commitOf(world, { batches: [batchOf('key', 'v3')], replaces: [wrong[0]!] }));
    await world.commit(moving([wrong[0]!]));
    const { keyId, leafHash } = wrong[0]!;
    expect(world.state.get(leafKey(keyId, leafHash))).toMatchObject({ status: 'tombstoned' });
  });

  it('leaves the version erasable', async () => {
    await world.commit(moving([wrong[0]!]));
    await world.commit({ transaction: 'record.erase', args: { leaves: [wrong[0]!] }, by: world.alice.phone });
  });
});
