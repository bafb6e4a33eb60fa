import { describe, expect, it } from 'vitest';
import { testHash } from '../../test/keys.ts';
import { createNetwork, type Member } from '../../test/network.ts';

const stating = (by: Member, number: number, hash: string) =>
  ({ transaction: 'access.checkpoint', args: { number, hash }, by }) as const;
const rolling = (by: Member, from: number, to: number, hash = testHash('lost')) =>
  ({ transaction: 'access.rollback', args: { from, to, hash }, by }) as const;

describe('access.checkpoint', () => {
  it('goes forward only, and one number has one hash', async () => {
    const network = await createNetwork();
    const { node } = network.organisation('hospital-a');
    await network.commit(stating(node, 10, testHash('10')));
    await network.commit(stating(node, 10, testHash('10')));
    await network.refuse(stating(node, 10, testHash('other')), 'checkpoint-mismatch');
    await network.refuse(stating(node, 9, testHash('9')), 'checkpoint-backwards');
    await network.commit(stating(node, 12, testHash('12')));
    expect(network.state.get('access/checkpoint/hospital-a')).toEqual({ number: 12, hash: testHash('12') });
    await network.commit(stating(network.organisation('hospital-b').node, 3, testHash('3')));
  });
});

describe('access.rollback', () => {
  it('names the lost range under the call’s id, for everybody to see', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator } = network.organisation('hospital-a');
    const call = network.sign(rolling(administrator, 41, 50));
    const outcome = await network.submit(call);
    expect(network.state.get(`access/rollback/${outcome.callId}`)).toEqual({
      organisation: 'hospital-a',
      from: 41,
      to: 50,
      hash: testHash('lost'),
    });
    expect(outcome).toMatchObject({ events: [{ name: 'access.rollback' }] });
  });

  it('is the administrator’s act: no node, clinician or client rolls back', async () => {
    const network = await createNetwork(['hospital-a']);
    const { node, clinician, feed } = network.organisation('hospital-a');
    await network.refuse(rolling(clinician, 41, 50), 'role-missing');
    for (const by of [node, feed]) await network.refuse(rolling(by, 41, 50), 'member-kind-not-allowed');
  });

  it('refuses an empty range, block 0, and blocks that the state still vouches for', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, node } = network.organisation('hospital-a');
    await network.refuse(rolling(administrator, 50, 49), 'rollback-range');
    await network.refuse(rolling(administrator, 0, 5), 'args-invalid');
    await network.commit(stating(node, 41, testHash('41')));
    await network.refuse(rolling(administrator, 41, 50), 'rollback-range');
    await network.commit(rolling(administrator, 42, 42));
  });
});
