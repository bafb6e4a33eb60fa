import { beforeEach, describe, expect, it } from 'vitest';
import type { CallOptions } from '../../test/host.ts';
import { testHash, testId } from '../../test/keys.ts';
import { batchOf, commitBatch, commitOf, createRecordWorld, type RecordWorld } from '../../test/record.ts';
import type { JsonObject } from '../json.ts';
import { patientKey } from '../patient/patient.ts';
import { LEAVES_MAX, type LeafReference } from './leaf.ts';
import { leafKey } from './record-facts.ts';

let world: RecordWorld;
let call: string;
const batch = batchOf('key', 'v1', 'other', 'third', 'fourth', 'fifth');
let v1: LeafReference;

beforeEach(async () => {
  world = await createRecordWorld();
  call = await commitBatch(world, batch, { keys: ['key'], table: true });
  v1 = batch.leaf(0, call);
});

const correction = (label: string, ...replaces: readonly LeafReference[]): CallOptions =>
  commitOf(world, { batches: [batchOf('key', label)], replaces });
const tombstoneOf = (
  leaves: readonly LeafReference[],
  by: CallOptions['by'] = world.organisation('hospital-a').feed,
) => ({
  transaction: 'record.tombstone',
  args: { leaves },
  by,
});
const eraseOf = (leaves: readonly LeafReference[], by: CallOptions['by'] = world.alice.phone) => ({
  transaction: 'record.erase',
  args: { leaves },
  by,
});
const stored = (leaf: LeafReference) => world.state.get(leafKey(leaf.keyId, leaf.leafHash));

describe('record.correct', () => {
  it('commits the new version and marks the old one', async () => {
    const outcome = await world.submit(world.sign(correction('v2', v1)));
    expect(outcome).toMatchObject({ kind: 'committed', result: { batches: 1 } });
    expect(stored(v1)).toEqual({ status: 'superseded', call: outcome.callId });
  });

  it('lets only one of two concurrent corrections of one version commit', async () => {
    const [first, second] = [world.sign(correction('v2', v1)), world.sign(correction("v2'", v1))];
    await expect(world.submit(first)).resolves.toMatchObject({ kind: 'committed' });
    await expect(world.submit(second)).resolves.toMatchObject({ kind: 'refused', code: 'leaf-ended' });
    expect(stored(v1)).toMatchObject({ status: 'superseded' });
  });

  it('corrects the correction, under a key of the present epoch', async () => {
    const outcome = await world.submit(world.sign(correction('v2', v1)));
    const v2 = batchOf('key', 'v2').leaf(0, outcome.callId!);
    await world.commit(correction('v3', v2));
  });

  it('refuses leaves that no batch on the ledger proves', async () => {
    const lies: readonly (readonly [Partial<LeafReference>, 'batch-unknown' | 'inclusion-invalid'])[] = [
      [{ batch: testHash('x') }, 'batch-unknown'],
      [{ keyId: testId('x') }, 'batch-unknown'],
      [{ leafHash: testHash('x') }, 'inclusion-invalid'],
      [{ index: 1 }, 'inclusion-invalid'],
      [{ index: 5 }, 'inclusion-invalid'],
      [{ proof: v1.proof.slice(1) }, 'inclusion-invalid'],
      [{ proof: [] }, 'inclusion-invalid'],
    ];
    for (const [lie, code] of lies) await world.refuse(correction('v2', { ...v1, ...lie }), code);
    // An inner node with a shorter path is no leaf.
    const inner = { ...v1, leafHash: v1.proof.at(-1)!, proof: v1.proof.slice(0, 1) };
    await world.refuse(correction('v2', inner), 'inclusion-invalid');
  });

  it('refuses to replace without a new version for the same owner', async () => {
    await world.refuse(commitOf(world, { replaces: [v1], keys: ['key 2'] }), 'replacement-missing');
    const eve = await world.claim('hospital-a', 'eve');
    const own = { owner: `pid:${eve.pid}`, batches: [batchOf('eve', 'x')], keys: ['eve'], table: true };
    await world.refuse(commitOf(world, { ...own, replaces: [v1] }), 'replacement-missing');
  });

  it("refuses another organisation, which cannot end this one's versions", async () => {
    const by = world.organisation('hospital-b').feed;
    const options = commitOf(world, { batches: [batchOf('key', 'v2')], replaces: [v1], by });
    await world.refuse(options, 'owner-foreign');
    expect(stored(v1)).toBeUndefined();
  });

  it('refuses no leaf, one twice, and too many', async () => {
    await world.refuse(correction('v2'), 'args-invalid');
    await world.refuse(correction('v2', v1, v1), 'args-invalid');
    const bare = { ...v1, proof: [] };
    const many = Array.from({ length: LEAVES_MAX + 1 }, (_, index) => ({ ...bare, leafHash: testHash(`${index}`) }));
    await world.refuse(correction('v2', ...many), 'args-invalid');
  });
});

describe('record.correct that also hides', () => {
  const hiding = (tombstones: readonly LeafReference[], replaces: readonly LeafReference[] = []): CallOptions =>
    commitOf(world, { batches: [batchOf('key', 'v2')], replaces, args: { tombstones } });

  it('ends replaced and hidden versions in one call', async () => {
    const other = batch.leaf(1, call);
    const outcome = await world.submit(world.sign(hiding([other], [v1])));
    expect(stored(v1)).toEqual({ status: 'superseded', call: outcome.callId });
    expect(stored(other)).toEqual({ status: 'tombstoned', call: outcome.callId });
  });

  it('hides beside new versions without replacing one', async () => {
    await world.commit(hiding([v1]));
    expect(stored(v1)).toMatchObject({ status: 'tombstoned' });
  });

  it('refuses to end one version twice, one that was ended, one without proof, and neither list', async () => {
    await world.refuse(hiding([v1], [v1]), 'leaf-ended');
    await world.refuse(hiding([{ ...v1, proof: [] }]), 'inclusion-invalid');
    await world.refuse(hiding([]), 'args-invalid');
    await world.commit(tombstoneOf([v1]));
    await world.refuse(hiding([v1]), 'leaf-ended');
  });

  it("refuses another organisation, which cannot hide this one's versions beside its own", async () => {
    const { feed } = world.organisation('hospital-b');
    const own = { owner: 'org:hospital-b', batches: [batchOf('own', 'x')], keys: ['own'], table: true };
    await world.refuse(
      commitOf(world, { ...own, epoch: 1, replaces: [], args: { tombstones: [v1] }, by: feed }),
      'owner-foreign',
    );
    expect(stored(v1)).toBeUndefined();
  });
});

describe('record.tombstone', () => {
  it('hides versions, as whoever may write them', async () => {
    const outcome = await world.submit(world.sign(tombstoneOf([v1, batch.leaf(4, call)])));
    expect(outcome).toMatchObject({ kind: 'committed', result: { leaves: 2 } });
    expect(stored(v1)).toEqual({ status: 'tombstoned', call: outcome.callId });
  });

  it('refuses a version that was ended, and a correction of a tombstoned one', async () => {
    await world.commit(tombstoneOf([v1]));
    await world.refuse(tombstoneOf([v1]), 'leaf-ended');
    await world.refuse(correction('v2', v1), 'leaf-ended');
  });

  it('refuses others than the writers of the owner', async () => {
    const { node } = world.organisation('hospital-a');
    await world.refuse(tombstoneOf([v1], world.organisation('hospital-b').feed), 'owner-foreign');
    await world.refuse(tombstoneOf([v1], node), 'delegation-required');
    await world.refuse(tombstoneOf([v1], world.alice.phone), 'signer-not-allowed');
    await world.refuse(tombstoneOf([{ ...v1, batch: testHash('x') }]), 'batch-unknown');
    await world.refuse(tombstoneOf([{ ...v1, index: 1 }]), 'inclusion-invalid');
    const fact = world.state.get(patientKey(world.alice.pid)) as JsonObject;
    world.state.set(patientKey(world.alice.pid), { ...fact, status: 'closed' });
    await world.refuse(tombstoneOf([v1]), 'patient-closed');
  });
});

describe('record.erase', () => {
  it("erases a patient's standing, superseded and tombstoned versions, once", async () => {
    const [standing, superseded, tombstoned] = [batch.leaf(0, call), batch.leaf(1, call), batch.leaf(2, call)];
    await world.commit(correction('new', superseded));
    await world.commit(tombstoneOf([tombstoned]));
    await world.commit(eraseOf([standing, superseded, tombstoned]));
    for (const leaf of [standing, superseded, tombstoned]) {
      expect(stored(leaf)).toMatchObject({ status: 'erased' });
      await world.refuse(eraseOf([leaf]), 'leaf-ended');
      await world.refuse(tombstoneOf([leaf]), 'leaf-ended');
      await world.refuse(correction('again', leaf), 'leaf-ended');
    }
  });

  it('refuses everyone but a device of the owner', async () => {
    const eve = await world.claim('hospital-a', 'eve');
    await world.refuse(eraseOf([v1], eve.phone), 'owner-foreign');
    const { administrator, node, feed } = world.organisation('hospital-a');
    for (const by of [administrator, node, feed, world.alice.recoveryBy]) {
      await world.refuse(eraseOf([v1], by), 'signer-not-allowed');
    }
    await world.refuse(eraseOf([{ ...v1, index: 1 }]), 'inclusion-invalid');
    await world.refuse(eraseOf([{ ...v1, batch: testHash('x') }]), 'batch-unknown');
  });

  it('erases all named versions or none', async () => {
    await world.commit(eraseOf([v1]));
    const other = batch.leaf(3, call);
    await world.refuse(eraseOf([other, v1]), 'leaf-ended');
    expect(stored(other)).toBeUndefined();
  });

  it('ends no version of another owner by a copy of its leaf in a batch of one’s own', async () => {
    const eve = await world.claim('hospital-b', 'eve');
    const copy = batchOf('copy', 'v1');
    const { feed } = world.organisation('hospital-b');
    const owner = `pid:${eve.pid}`;
    const copied = await commitBatch(world, copy, { owner, keys: ['copy'], table: true, by: feed });
    expect(copy.leaf(0, copied).leafHash).toBe(v1.leafHash);
    await world.commit(eraseOf([copy.leaf(0, copied)], eve.phone));
    expect(stored(copy.leaf(0, copied))).toMatchObject({ status: 'erased' });
    expect(stored(v1)).toBeUndefined();
    await world.commit(correction('v2', v1));
  });
});
