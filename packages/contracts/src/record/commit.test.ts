import { beforeEach, describe, expect, it } from 'vitest';
import { revokeOf } from '../../test/consent.ts';
import { DAY_MS } from '../../test/host.ts';
import { testHash, testId, testKey } from '../../test/keys.ts';
import { deviceArgs, patientOf } from '../../test/network.ts';
import { batchOf, commitBatch, commitOf, createRecordWorld, epochOf, type RecordWorld } from '../../test/record.ts';
import type { JsonObject } from '../json.ts';
import { patientKey } from '../patient/patient.ts';
import { BATCHES_MAX, parseBatches } from './batch.ts';
import { batchKey, keyKey, tableKey } from './record-facts.ts';

let world: RecordWorld;

beforeEach(async () => {
  world = await createRecordWorld();
});

const first = batchOf('key 1', 'a', 'b', 'c');

describe('record.commit', () => {
  it('writes key, table and root, each under its own key', async () => {
    const call = await commitBatch(world, first, { keys: ['key 1'], table: true });
    const { owner } = world;
    expect(world.state.get(keyKey(first.keyId))).toEqual({ owner, epoch: 1 });
    expect(world.state.get(tableKey(owner, 1))).toEqual({ root: testHash('table'), size: 40, version: 1 });
    expect(tableKey(owner, 1)).toBe(`record/table/${owner}/00000001`);
    expect(world.state.get(batchKey(first.keyId, call))).toEqual({ owner, count: 3, root: first.root });
  });

  it('takes several owners and keys at once, and a registration with its first records', async () => {
    const bob = patientOf('hospital-a', 'bob');
    const organisation = 'org:hospital-a';
    const tables = [`pid:${bob.pid}`, organisation].map((owner) => ({
      owner,
      epoch: 1,
      root: testHash(owner),
      size: 2,
      version: 1,
    }));
    const item = (owner: string, key: string) => ({ owner, keyId: testId(key), count: 1, root: testHash(key) });
    const owners = [`pid:${bob.pid}`, organisation];
    const args = {
      batches: owners.map((owner) => item(owner, owner)),
      keys: owners.map((owner) => ({ owner, keyId: testId(owner), epoch: 1 })),
      tables,
      registrations: [{ pid: bob.pid, claimKey: bob.claimKey.publicKey, claimNotAfterMs: world.nowMs() + DAY_MS }],
    };
    await expect(world.commit(commitOf(world, { args }))).resolves.toEqual({ batches: 2, registrations: 1 });
    expect(world.state.get(patientKey(bob.pid))).toMatchObject({ status: 'unclaimed', organisation: 'hospital-a' });
    await world.refuse(commitOf(world, { args }), 'patient-exists');
  });

  it('commits all or nothing', async () => {
    const before = [...world.state];
    const unknown = batchOf('key 2', 'd');
    const options = commitOf(world, { batches: [first, unknown], keys: ['key 1'], table: true });
    await world.refuse(options, 'key-id-unknown');
    expect([...world.state]).toEqual(before);
  });

  it("refuses an epoch's first batch without its table, and a second table", async () => {
    await world.refuse(commitOf(world, { batches: [first], keys: ['key 1'] }), 'table-missing');
    await commitBatch(world, first, { keys: ['key 1'], table: true });
    await commitBatch(world, batchOf('key 1', 'd'), {});
    await world.refuse(commitOf(world, { table: true }), 'table-exists');
  });

  it('refuses keys, tables and batches of an earlier or a later epoch', async () => {
    await commitBatch(world, first, { keys: ['key 1'], table: true });
    await world.commit(revokeOf(world as never, testId('g')));
    expect(epochOf(world)).toBe(2);
    await world.refuse(commitOf(world, { batches: [batchOf('key 1', 'd')] }), 'stale-epoch');
    await world.refuse(commitOf(world, { keys: ['key 2'], epoch: 1 }), 'stale-epoch');
    await world.refuse(commitOf(world, { keys: ['key 2'], epoch: 3 }), 'stale-epoch');
    await world.refuse(commitOf(world, { table: true, epoch: 1 }), 'stale-epoch');
    const next = batchOf('key 2', 'd');
    await world.refuse(commitOf(world, { batches: [next], keys: ['key 2'] }), 'table-missing');
    await commitBatch(world, next, { keys: ['key 2'], table: true });
  });

  it("refuses after a removed device and a recovery, until the keys are the new epoch's", async () => {
    const { alice } = world;
    await commitBatch(world, first, { keys: ['key 1'], table: true });
    const device = deviceArgs(world, alice.pid, 'alice new phone');
    const args = { sequence: 2, devices: [device], recovery: null };
    await world.commit({ transaction: 'patient.recover', args, by: alice.recoveryBy });
    await world.refuse(commitOf(world, { batches: [batchOf('key 1', 'd')] }), 'stale-epoch');
  });

  it('registers a key id once, for one owner', async () => {
    await commitBatch(world, first, { keys: ['key 1'], table: true });
    await world.refuse(commitOf(world, { keys: ['key 1'] }), 'key-id-exists');
    const eve = await world.claim('hospital-a', 'eve');
    const stolen = commitOf(world, { owner: `pid:${eve.pid}`, batches: [batchOf('key 1', 'd')], table: true });
    await world.refuse(stolen, 'key-id-foreign');
  });

  it("refuses another organisation's patients and records", async () => {
    const { feed } = world.organisation('hospital-b');
    const options = { batches: [first], keys: ['key 1'], table: true };
    await world.refuse(commitOf(world, { ...options, by: feed }), 'owner-foreign');
    await world.refuse(commitOf(world, { ...options, owner: 'org:hospital-b' }), 'owner-foreign');
    await world.refuse(commitOf(world, { ...options, owner: `pid:${testId('nobody')}` }), 'patient-unknown');
    const fact = world.state.get(patientKey(world.alice.pid)) as JsonObject;
    world.state.set(patientKey(world.alice.pid), { ...fact, status: 'closed' });
    await world.refuse(commitOf(world, options), 'patient-closed');
  });

  it("writes a patient's records only for a user with a writing role, or from a feed", async () => {
    const { node, clinician } = world.organisation('hospital-a');
    const options = { batches: [first], keys: ['key 1'], table: true, by: node };
    await world.refuse(commitOf(world, options), 'delegation-required');
    const cleaner = await world.enrol('hospital-a', { label: 'cleaner', roles: ['cleaner'] });
    const refused = world.delegate(cleaner, node, ['record.commit']);
    await world.refuse(commitOf(world, { ...options, onBehalfOf: refused }), 'role-missing');
    const mute = await world.enrol('hospital-a', { label: 'mute', kind: 'client', roles: [] });
    await world.refuse(commitOf(world, { ...options, by: mute }), 'delegation-required');
    const onBehalfOf = world.delegate(clinician, node, ['record.commit']);
    await world.commit(commitOf(world, { ...options, onBehalfOf }));
    for (const by of [clinician, world.organisation('hospital-a').administrator]) {
      await world.refuse(commitOf(world, { ...options, by }), 'member-kind-not-allowed');
    }
    await world.refuse(commitOf(world, { ...options, by: world.alice.phone }), 'signer-not-allowed');
  });

  it("writes the organisation's own records by its node", async () => {
    const { node } = world.organisation('hospital-a');
    const options = { owner: 'org:hospital-a', batches: [first], keys: ['key 1'], table: true, by: node };
    await world.commit(commitOf(world, options));
  });

  it('refuses nothing, too much, the same twice, and counts that are none', async () => {
    const item = (index: number) => ({ owner: world.owner, keyId: testId(`k${index}`), count: 1, root: first.root });
    const many = Array.from({ length: BATCHES_MAX + 1 }, (_, index) => item(index));
    const malformed: JsonObject[] = [
      {},
      { batches: [item(1), item(1)] },
      { batches: [{ ...item(1), count: 0 }] },
      { batches: [{ ...item(1), owner: 'hospital-a' }] },
      { batches: [{ ...item(1), root: 'root' }] },
      { keys: [1, 1].map(() => ({ keyId: testId('k'), owner: world.owner, epoch: 1 })) },
      { tables: [1, 2].map((epoch) => ({ owner: world.owner, epoch, root: first.root, size: 1, version: 1 })) },
      { tables: [{ owner: world.owner, epoch: 1, root: first.root, size: 0, version: 1 }] },
    ];
    for (const args of malformed) await world.refuse(commitOf(world, { args }), 'args-invalid');
    expect(() => parseBatches({ batches: many, keys: [], tables: [] })).toThrow('args.batches must be 0 to 2000 items');
    await world.refuse(commitOf(world, { args: { batches: many } }), 'too-large');
  });

  it('refuses a registration that patient.register would refuse', async () => {
    const { node } = world.organisation('hospital-a');
    const registration = {
      pid: testId('bob'),
      claimKey: testKey('bob claim').publicKey,
      claimNotAfterMs: world.nowMs() + DAY_MS,
    };
    const args = { registrations: [registration] };
    await world.refuse(commitOf(world, { args, by: node }), 'delegation-required');
    const late = { registrations: [{ ...registration, claimNotAfterMs: world.nowMs() }] };
    await world.refuse(commitOf(world, { args: late }), 'claim-expired');
    await world.commit(commitOf(world, { args }));
  });
});
