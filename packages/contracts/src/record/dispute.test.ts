import { beforeEach, describe, expect, it } from 'vitest';
import { appointOf } from '../../test/guardian.ts';
import { type CallOptions, HOUR_MS, pure } from '../../test/host.ts';
import { testHash, testId, testKey } from '../../test/keys.ts';
import { deviceBy } from '../../test/network.ts';
import { batchOf, commitBatch, createRecordWorld, type RecordWorld } from '../../test/record.ts';
import type { Json } from '../json.ts';
import {
  type DisputeAnswer,
  type DisputeStatement,
  disputeAnswerCommitment,
  disputeCommitment,
  disputeKey,
} from './dispute.ts';
import { leafKey } from './record-facts.ts';

let world: RecordWorld;
let call: string;
const batch = batchOf('key', 'v1', 'v2');
const salt = testHash('salt');

beforeEach(async () => {
  world = await createRecordWorld();
  call = await commitBatch(world, batch, { keys: ['key'], table: true });
});

type Disputing = { readonly pid?: string; readonly by?: CallOptions['by']; readonly index?: number };

function disputeOf(label: string, disputing: Disputing = {}, said: Partial<DisputeStatement> = {}): CallOptions {
  const { pid = world.alice.pid, by = world.alice.phone, index = 0 } = disputing;
  const leaf = batch.leaf(index, call);
  const statement: DisputeStatement = {
    ...{ version: 'salus:dispute:v1', network: world.host.network, pid, dispute: testId(label) },
    ...{ leafHash: leaf.leafHash, text: 'I never smoked.\nAsk my doctor.' },
    ...said,
  };
  const args = { dispute: testId(label), leaf, commitment: disputeCommitment(pure, statement, salt) };
  return { transaction: 'record.dispute', args: args as unknown as Json, values: { statement, salt } as never, by };
}

function answerOf(
  label: string,
  outcome: 'amended' | 'declined',
  by: CallOptions['by'],
  said: object = {},
): CallOptions {
  const { pid } = world.alice;
  const answer: DisputeAnswer = {
    ...{ version: 'salus:dispute-answer:v1', network: world.host.network, pid, dispute: testId(label), outcome },
    ...{ text: 'We have looked at it again.' },
    ...said,
  };
  const commitment = disputeAnswerCommitment(pure, answer, salt);
  const args = { pid, dispute: testId(label), outcome, commitment };
  return { transaction: 'record.answerDispute', args, values: { answer, salt } as never, by };
}

const withdrawalOf = (label: string, by: CallOptions['by'] = world.alice.phone): CallOptions => ({
  transaction: 'record.withdrawDispute',
  args: { dispute: testId(label) },
  by,
});

describe('record.dispute', () => {
  it('stands beside the version, with a commitment and no word of it', async () => {
    const stated = disputeOf('d');
    await world.commit(stated);
    const { leafHash, keyId } = batch.leaf(0, call);
    const { commitment } = stated.args as { readonly commitment: string };
    const fact = { keyId, leafHash, commitment, status: 'open', ms: world.nowMs() };
    expect(world.state.get(disputeKey(world.alice.pid, testId('d')))).toEqual(fact);
    expect(JSON.stringify([...world.state])).not.toContain('smoked');
    await world.refuse(disputeOf('d', { index: 1 }), 'dispute-exists');
  });

  it('is the patient’s alone: of their own versions, by a device or a guardian whom they let', async () => {
    const bob = await world.claim('hospital-a', 'bob');
    await world.refuse(disputeOf('d', { pid: bob.pid, by: bob.phone }), 'owner-foreign');
    const { clinician, node, administrator } = world.organisation('hospital-a');
    for (const by of [clinician, node, administrator, world.alice.recoveryBy]) {
      await world.refuse(disputeOf('d', { by }), 'signer-not-allowed');
    }
    const { pid, phone } = world.alice;
    await world.commit(appointOf(world, { pid, label: 'greta', by: phone, scope: ['dispute'] }));
    await world.commit(appointOf(world, { pid, label: 'reader', by: phone, scope: ['read', 'consent'] }));
    await world.refuse(disputeOf('d', { by: deviceBy(pid, 'reader') }), 'guardian-scope');
    const outcome = await world.submit(world.sign(disputeOf('d', { by: deviceBy(pid, 'greta') })));
    const act = { guardian: testKey('greta').kid, transaction: 'record.dispute', ms: world.nowMs() };
    expect(world.state.get(`patient/act/${pid}/${outcome.callId}`)).toEqual(act);
  });

  it('refuses other words than those committed, another version’s, and one that was erased', async () => {
    await world.refuse(disputeOf('d', {}, { dispute: testId('other') }), 'terms-mismatch');
    await world.refuse(disputeOf('d', {}, { leafHash: testHash('other') }), 'terms-mismatch');
    await world.refuse(disputeOf('d', {}, { text: 'a\u0000b' }), 'args-invalid');
    await world.refuse(disputeOf('d', {}, { text: '' }), 'args-invalid');
    const stated = disputeOf('d');
    const args = { ...(stated.args as object), commitment: testHash('other') };
    await world.refuse({ ...stated, args }, 'commitment-mismatch');
    const leaf = { ...batch.leaf(0, call), index: 1 };
    await world.refuse({ ...stated, args: { ...(stated.args as object), leaf } as Json }, 'inclusion-invalid');
    const erasing = { leaves: [batch.leaf(0, call)] } as unknown as Json;
    await world.commit({ transaction: 'record.erase', args: erasing, by: world.alice.phone });
    await world.refuse(stated, 'leaf-ended');
  });
});

describe('record.answerDispute', () => {
  it('is the author’s: it declines with words, or has amended', async () => {
    const { clinician, administrator } = world.organisation('hospital-a');
    await world.commit(disputeOf('d'));
    await world.refuse(answerOf('d', 'declined', world.organisation('hospital-b').clinician), 'owner-foreign');
    await world.refuse(answerOf('d', 'declined', administrator), 'role-missing');
    await world.refuse(answerOf('unknown', 'declined', clinician), 'dispute-unknown');
    await world.refuse(answerOf('d', 'declined', clinician, { outcome: 'amended' }), 'terms-mismatch');
    await world.refuse(answerOf('d', 'declined', clinician, { dispute: testId('e') }), 'terms-mismatch');
    // Nothing was amended: a promise is no correction.
    await world.refuse(answerOf('d', 'amended', clinician), 'dispute-not-amended');
    world.advance(HOUR_MS);
    await world.commit(answerOf('d', 'declined', clinician));
    expect(world.state.get(disputeKey(world.alice.pid, testId('d')))).toMatchObject({
      ...{ status: 'declined', answeredMs: world.nowMs() },
    });
    await world.refuse(answerOf('d', 'declined', clinician), 'dispute-answered');
  });

  it('calls amended what is no longer the current version', async () => {
    const { clinician } = world.organisation('hospital-a');
    await world.commit(disputeOf('d'));
    const { keyId, leafHash } = batch.leaf(0, call);
    world.state.set(leafKey(keyId, leafHash), { status: 'superseded', call: testHash('correction') });
    await world.commit(answerOf('d', 'amended', clinician));
    expect(world.state.get(disputeKey(world.alice.pid, testId('d')))).toMatchObject({ status: 'amended' });
  });
});

it('is withdrawn by the patient, answered or not, and by nobody else', async () => {
  const bob = await world.claim('hospital-a', 'bob');
  await world.commit(disputeOf('d'));
  await world.refuse(withdrawalOf('d', bob.phone), 'dispute-unknown');
  await world.refuse(withdrawalOf('d', world.organisation('hospital-a').clinician), 'signer-not-allowed');
  await world.commit(withdrawalOf('d'));
  await world.refuse(withdrawalOf('d'), 'dispute-answered');
  await world.refuse(answerOf('d', 'declined', world.organisation('hospital-a').clinician), 'dispute-answered');
});
