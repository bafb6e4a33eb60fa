import { describe, expect, it } from 'vitest';
import { HOUR_MS } from '../../test/host.ts';
import { testHash } from '../../test/keys.ts';
import { createNetwork, type Member } from '../../test/network.ts';

const call = (transaction: string, by: Member, label: string, name = 'web') =>
  ({ transaction: `membership.${transaction}`, args: { name, hash: testHash(label) }, by }) as const;

describe('releases of what browsers run', () => {
  it('are listed by an administrator for the own organisation, and withdrawn for ever', async () => {
    const network = await createNetwork();
    const { administrator } = network.organisation('hospital-a');
    const other = network.organisation('hospital-b').administrator;
    const key = `membership/release/hospital-a/web/${testHash('bundle')}`;
    const listedMs = network.nowMs();
    await network.commit(call('listRelease', administrator, 'bundle'));
    expect(network.state.get(key)).toEqual({ status: 'listed', listedMs });
    await network.refuse(call('listRelease', administrator, 'bundle'), 'release-exists');
    await network.refuse(call('withdrawRelease', other, 'bundle'), 'release-unknown');
    network.advance(HOUR_MS);
    await network.commit(call('withdrawRelease', administrator, 'bundle'));
    expect(network.state.get(key)).toEqual({ status: 'withdrawn', listedMs, withdrawnMs: network.nowMs() });
    await network.refuse(call('withdrawRelease', administrator, 'bundle'), 'release-unknown');
    await network.refuse(call('listRelease', administrator, 'bundle'), 'release-exists');
  });

  it('are nobody else’s to list: neither the node that serves them nor other staff', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator, node, feed, clinician } = network.organisation('hospital-a');
    await network.refuse(call('listRelease', clinician, 'bundle'), 'role-missing');
    for (const by of [node, feed]) await network.refuse(call('listRelease', by, 'bundle'), 'member-kind-not-allowed');
    await network.refuse(call('listRelease', administrator, 'bundle', 'firmware'), 'args-invalid');
  });
});
