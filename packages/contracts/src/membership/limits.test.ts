import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../test/authority.ts';
import { DAY_MS } from '../../test/host.ts';
import { testHash, testId, testKey } from '../../test/keys.ts';
import { certifyMember, createNetwork, joinArgs, prepareOrganisation, type TestNetwork } from '../../test/network.ts';
import type { Json } from '../json.ts';
import { NETWORK_KEY, type NetworkFact, type RootsFact, revokedKey, rootsKey } from '../members.ts';
import { HPKE_KEYS_MAX } from './hpke-keys.ts';
import { REVOKED_MAX } from './identities.ts';
import { ORGANISATIONS_MAX } from './organisation.ts';
import { AUTHORITIES_MAX } from './proposal.ts';

const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const rootsOf = (network: TestNetwork): RootsFact => network.state.get(rootsKey('hospital-a')) as unknown as RootsFact;

describe('bounds of what every call reads', () => {
  it('refuse a 65th organisation', async () => {
    const network = await createNetwork(['hospital-a']);
    const fact = network.state.get(NETWORK_KEY) as unknown as NetworkFact;
    const more = numbers(ORGANISATIONS_MAX - 1).map((number) => `z-removed-${String(number).padStart(2, '0')}`);
    for (const organisation of more) {
      network.state.set(rootsKey(organisation), { organisation, status: 'removed', ca: [], hpke: [] });
      network.state.set(revokedKey(organisation), []);
    }
    network.state.set(NETWORK_KEY, { ...fact, organisations: ['hospital-a', ...more] });
    const args = joinArgs(network, await prepareOrganisation(network, 'one-more'));
    const by = network.organisation('hospital-a').administrator;
    await network.refuse({ transaction: 'membership.proposeJoin', args, by }, 'limit-exceeded');
  });

  it('refuse the 5,001st unexpired revocation, and make room for expired ones', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator: by, clinician } = network.organisation('hospital-a');
    const list = (notAfterMs: number): Json =>
      numbers(REVOKED_MAX)
        .map((number) => testId(`revoked ${number}`))
        .sort()
        .map((id) => [id, notAfterMs]);
    const revoking = { transaction: 'membership.revoke', args: { id: clinician.id, reason: 'left' }, by } as const;
    network.state.set(revokedKey('hospital-a'), list(network.nowMs()));
    await network.refuse(revoking, 'limit-exceeded');
    network.state.set(revokedKey('hospital-a'), list(network.nowMs() - 1));
    await network.commit(revoking);
    expect(network.state.get(revokedKey('hospital-a'))).toEqual([[clinician.id, clinician.notAfterMs]]);
  });

  it('refuse a 257th HPKE key, retired ones included', async () => {
    const network = await createNetwork(['hospital-a']);
    const { administrator: by } = network.organisation('hospital-a');
    const hpke = numbers(HPKE_KEYS_MAX).map((number) => ({
      kid: testId(`kid ${number}`),
      publicKey: testKey('any').publicKey,
      holder: 'organisation',
      fromMs: 0,
      untilMs: 1,
    }));
    network.state.set(rootsKey('hospital-a'), { ...rootsOf(network), hpke });
    const args = { publicKey: testKey('one more').publicKey, holder: 'organisation' };
    await network.refuse({ transaction: 'membership.addHpkeKey', args, by }, 'limit-exceeded');
  });

  it('refuse a 33rd authority, and the same one twice', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b']);
    const [a, b] = ['hospital-a', 'hospital-b'].map((name) => network.organisation(name).administrator);
    const authority = await createAuthority('hospital-a', 'second', network.nowMs() - DAY_MS);
    const propose = async (label: string): Promise<string> => {
      const subject = { label, roles: ['administrator'] };
      const { chain } = await certifyMember(authority, subject, network.nowMs());
      const add = { authority: authority.certificate, administrator: { chain } };
      const args = { organisation: 'hospital-a', add, retire: [] };
      const answer = await network.commit({ transaction: 'membership.proposeRoots', args, by: a! });
      return (answer as { readonly proposal: string }).proposal;
    };
    const vote = (proposal: string) =>
      ({ transaction: 'membership.vote', args: { proposal, approve: true }, by: b! }) as const;
    const [first, second] = [await propose('first'), await propose('second')];
    const before = rootsOf(network);
    const more = numbers(AUTHORITIES_MAX - 1).map((number) => ({
      authority: testHash(`authority ${number}`),
      certificate: 'AAAA',
      fromMs: 0,
      untilMs: 1,
    }));
    network.state.set(rootsKey('hospital-a'), { ...before, ca: [...before.ca, ...more] });
    await network.refuse(vote(first), 'limit-exceeded');
    network.state.set(rootsKey('hospital-a'), before);
    await network.commit(vote(first));
    await network.refuse(vote(second), 'authority-exists');
  });
});
