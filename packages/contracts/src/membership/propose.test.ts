import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../test/authority.ts';
import { DAY_MS, HOUR_MS } from '../../test/host.ts';
import { sign, testHash, testId, testKey } from '../../test/keys.ts';
import { certifyMember, createNetwork, joinArgs, prepareOrganisation, type TestNetwork } from '../../test/network.ts';
import type { NetworkFact, RootsFact } from '../members.ts';
import { outcomeOf } from './proposal.ts';

type Answer = { readonly proposal: string; readonly status: string; readonly approvals: number };

async function propose(network: TestNetwork, transaction: string, by: string, args: object): Promise<Answer> {
  const options = {
    transaction: `membership.${transaction}`,
    args: args as never,
    by: network.organisation(by).administrator,
  };
  return (await network.commit(options)) as Answer;
}
function voting(network: TestNetwork, by: string, proposal: string, approve = true) {
  const { administrator } = network.organisation(by);
  return { transaction: 'membership.vote', args: { proposal, approve }, by: administrator } as const;
}
const removal = (organisation: string) => ({ organisation, reason: 'left' });

describe('outcomeOf', () => {
  it('decides for by more than half, against when that is out of reach, and never both ways', () => {
    const counts = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20));
    fc.assert(
      fc.property(counts, ([approvals, rejections, silent]) => {
        const voters = approvals + rejections + silent;
        const status = outcomeOf(approvals, rejections, voters);
        expect(status === 'applied').toBe(approvals > voters / 2);
        expect(status === 'rejected').toBe(approvals <= voters / 2 && approvals + silent <= voters / 2);
      }),
    );
  });
});

describe('joining', () => {
  it('takes more than half of the organisations, one vote each', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b', 'lab']);
    const applicant = await prepareOrganisation(network, 'pharmacy');
    const { proposal, status } = await propose(network, 'proposeJoin', 'hospital-a', joinArgs(network, applicant));
    expect(status).toBe('open');
    expect(network.state.has('membership/roots/pharmacy')).toBe(false);
    await network.refuse(voting(network, 'hospital-a', proposal), 'already-voted');
    expect(await network.commit(voting(network, 'lab', proposal))).toMatchObject({ status: 'applied', approvals: 2 });
    const { organisations } = network.state.get('membership/network') as unknown as NetworkFact;
    expect(organisations).toEqual(['hospital-a', 'hospital-b', 'lab', 'pharmacy']);
    await network.refuse(voting(network, 'hospital-b', proposal), 'proposal-decided');
  });

  it('gives a second administrator of one organisation no second vote', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b']);
    const second = await network.enrol('hospital-a', { label: 'second administrator', roles: ['administrator'] });
    const applicant = await prepareOrganisation(network, 'lab');
    const { proposal } = await propose(network, 'proposeJoin', 'hospital-a', joinArgs(network, applicant));
    await network.refuse({ ...voting(network, 'hospital-a', proposal), by: second }, 'already-voted');
  });

  it('refuses votes of staff who are no administrators, and of strangers', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b']);
    const applicant = await prepareOrganisation(network, 'lab');
    const { proposal } = await propose(network, 'proposeJoin', 'hospital-a', joinArgs(network, applicant));
    const { clinician, node } = network.organisation('hospital-b');
    await network.refuse({ ...voting(network, 'hospital-b', proposal), by: clinician }, 'role-missing');
    await network.refuse({ ...voting(network, 'hospital-b', proposal), by: node }, 'member-kind-not-allowed');
    await network.refuse({ ...voting(network, 'hospital-b', proposal), by: applicant.administrator }, 'signer-unknown');
  });

  it('is rejected when a majority is out of reach, and stays so', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b']);
    const applicant = await prepareOrganisation(network, 'lab');
    const { proposal } = await propose(network, 'proposeJoin', 'hospital-a', joinArgs(network, applicant));
    expect(await network.commit(voting(network, 'hospital-b', proposal, false))).toMatchObject({ status: 'rejected' });
    await network.refuse(voting(network, 'hospital-b', proposal), 'proposal-decided');
    expect(network.state.has('membership/roots/lab')).toBe(false);
  });

  it('refuses an application that is late, changed, unsigned or for another network', async () => {
    const network = await createNetwork(['hospital-a']);
    const applicant = await prepareOrganisation(network, 'lab');
    const args = joinArgs(network, applicant);
    const by = network.organisation('hospital-a').administrator;
    const joining = (changed: object) =>
      ({ transaction: 'membership.proposeJoin', args: changed as never, by }) as const;
    const changed = {
      ...args,
      application: { ...(args.application as object), hpkeKeys: [testKey('mine').publicKey] },
    };
    await network.refuse(joining(changed), 'application-signature');
    const forged = sign(testKey('somebody'), 'x');
    await network.refuse(joining({ ...args, signature: forged }), 'application-signature');
    const otherNetwork = joinArgs({ ...network, host: { ...network.host, network: testId('another') } }, applicant);
    await network.refuse(joining(otherNetwork), 'application-signature');
    network.advance(DAY_MS + 1);
    await network.refuse(joining(args), 'application-expired');
  });

  it('refuses a name that is or ever was taken, and an id that exists', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b']);
    const by = network.organisation('hospital-a').administrator;
    const impostor = await prepareOrganisation(network, 'hospital-b');
    const join = (applicant: typeof impostor) =>
      ({ transaction: 'membership.proposeJoin', args: joinArgs(network, applicant) as never, by }) as const;
    await network.refuse(join(impostor), 'organisation-exists');
    const lab = await prepareOrganisation(network, 'lab');
    const { id } = network.organisation('hospital-b').clinician;
    const subject = { label: 'thief', id, roles: ['administrator'] };
    const administrator = await certifyMember(lab.authority, subject, network.nowMs());
    await network.refuse(join({ ...lab, administrator }), 'identity-exists');
    const { proposal } = await propose(network, 'proposeRemoval', 'hospital-a', removal('hospital-b'));
    await network.commit(voting(network, 'hospital-b', proposal));
    await network.refuse(join(impostor), 'organisation-exists');
  });

  it('lets one of two open proposals for one name win, and refuses the other’s deciding vote', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b']);
    const lab = await prepareOrganisation(network, 'lab');
    const first = await propose(network, 'proposeJoin', 'hospital-a', joinArgs(network, lab));
    const second = await propose(network, 'proposeJoin', 'hospital-a', joinArgs(network, lab));
    await network.commit(voting(network, 'hospital-b', first.proposal));
    await network.refuse(voting(network, 'hospital-b', second.proposal), 'organisation-exists');
  });

  it('lapses after 30 days', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b']);
    const lab = await prepareOrganisation(network, 'lab');
    const { proposal } = await propose(network, 'proposeJoin', 'hospital-a', joinArgs(network, lab));
    network.advance(30 * DAY_MS + 1);
    await network.refuse(voting(network, 'hospital-b', proposal), 'proposal-expired');
    await network.refuse(voting(network, 'hospital-b', testHash('unknown')), 'proposal-unknown');
  });
});

describe('removal', () => {
  it('silences the organisation, and changes what a majority is', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b', 'lab', 'pharmacy']);
    const applicant = await prepareOrganisation(network, 'institute');
    const join = await propose(network, 'proposeJoin', 'hospital-a', joinArgs(network, applicant));
    expect(await network.commit(voting(network, 'pharmacy', join.proposal))).toMatchObject({
      status: 'open',
      approvals: 2,
    });
    const { proposal } = await propose(network, 'proposeRemoval', 'hospital-a', removal('pharmacy'));
    await network.commit(voting(network, 'hospital-b', proposal));
    expect(await network.commit(voting(network, 'lab', proposal))).toMatchObject({ status: 'applied' });
    expect(network.state.get('membership/roots/pharmacy')).toMatchObject({ status: 'removed' });
    await network.refuse(voting(network, 'pharmacy', join.proposal), 'organisation-removed');
    // Of three that are left, hospital-a and hospital-b are two; the removed one's approval counts no more.
    expect(await network.commit(voting(network, 'hospital-b', join.proposal))).toMatchObject({
      status: 'applied',
      approvals: 2,
    });
  });

  it('refuses to remove the last organisation, an unknown one, or a removed one again', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b']);
    const by = network.organisation('hospital-a').administrator;
    const removing = (name: string) => ({ transaction: 'membership.proposeRemoval', args: removal(name), by }) as const;
    await network.refuse(removing('lab'), 'organisation-unknown');
    const { proposal } = await propose(network, 'proposeRemoval', 'hospital-a', removal('hospital-b'));
    await network.commit(voting(network, 'hospital-b', proposal));
    await network.refuse(removing('hospital-b'), 'organisation-removed');
    await network.refuse(removing('hospital-a'), 'last-organisation');
  });
});

describe('roots', () => {
  it('rotate: new members come under the new authority, and what the old one vouched for ends when it retires', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b']);
    const { administrator, clinician, registrar, authority: old } = network.organisation('hospital-a');
    const authority = await createAuthority('hospital-a', 'hospital-a second', network.nowMs() - DAY_MS);
    const subject = { label: 'new administrator', roles: ['administrator'] };
    const successor = await certifyMember(authority, subject, network.nowMs());
    const oldHash = network.host.pure.hashTuple('certificate', old.certificate);
    const untilMs = network.nowMs() + DAY_MS;
    const { proposal } = await propose(network, 'proposeRoots', 'hospital-a', {
      organisation: 'hospital-a',
      add: { authority: authority.certificate, administrator: { chain: successor.chain } },
      retire: [{ authority: oldHash, untilMs }],
    });
    await network.commit(voting(network, 'hospital-b', proposal));
    const roots = network.state.get('membership/roots/hospital-a') as unknown as RootsFact;
    expect(roots.ca.map(({ untilMs: until }) => until)).toEqual([untilMs, null]);
    // Both live until the old one retires: judged at the time of their block.
    const patient = (label: string) => ({
      pid: testId(label),
      claimKey: testKey(label).publicKey,
      claimNotAfterMs: network.nowMs() + DAY_MS,
    });
    const register = (label: string, by: typeof registrar) =>
      ({ transaction: 'patient.register', args: patient(label), by }) as const;
    await network.commit(register('before', registrar));
    const nurse = await certifyMember(authority, { label: 'nurse', roles: ['nurse'] }, network.nowMs());
    const enrolling = { transaction: 'membership.enrol', args: { certificates: [{ chain: nurse.chain }] } } as const;
    await network.commit({ ...enrolling, by: administrator });
    network.advance(DAY_MS);
    await network.refuse(register('after', registrar), 'authority-retired');
    const late = await certifyMember(old, { label: 'late' }, network.nowMs());
    const enrolLate = { transaction: 'membership.enrol', args: { certificates: [{ chain: late.chain }] } } as const;
    await network.refuse({ ...enrolLate, by: administrator }, 'authority-retired');
    await network.refuse({ ...enrolLate, by: successor }, 'certificate-invalid');
    await network.commit(register('after', nurse));
    expect(clinician.organisation).toBe('hospital-a');
  });

  it('lets the others help an organisation whose administrators are lost, by majority only', async () => {
    const network = await createNetwork(['hospital-a', 'hospital-b', 'lab']);
    const authority = await createAuthority('lab', 'lab second', network.nowMs() - DAY_MS);
    const subject = { label: 'rescuer', roles: ['administrator'] };
    const rescuer = await certifyMember(authority, subject, network.nowMs());
    const add = { authority: authority.certificate, administrator: { chain: rescuer.chain } };
    const args = { organisation: 'lab', add, retire: [] };
    const { proposal, status } = await propose(network, 'proposeRoots', 'hospital-a', args);
    expect(status).toBe('open');
    await network.refuse({ ...voting(network, 'lab', proposal), by: rescuer }, 'signer-unknown');
    await network.commit(voting(network, 'hospital-b', proposal));
    await propose(network, 'proposeRemoval', 'hospital-a', removal('lab'));
    expect(network.state.get(`membership/identity/${rescuer.id}`)).toMatchObject({
      organisation: 'lab',
      status: 'active',
    });
  });

  it('refuses a new authority that is none, known, of another organisation, or certifies no administrator', async () => {
    const network = await createNetwork(['hospital-a']);
    const { authority: own, administrator: by, registrar } = network.organisation('hospital-a');
    const authority = await createAuthority('hospital-a', 'second', network.nowMs() - DAY_MS);
    const certified = async (label: string, subject: object) => ({
      authority: authority.certificate,
      administrator: { chain: (await certifyMember(authority, { label, ...subject }, network.nowMs())).chain },
    });
    const fresh = await certified('fresh', { roles: ['administrator'] });
    const proposing = (add: object | null, retire: readonly object[] = []) =>
      ({
        transaction: 'membership.proposeRoots',
        args: { organisation: 'hospital-a', add, retire } as never,
        by,
      }) as const;
    await network.refuse(proposing({ ...fresh, authority: own.certificate }), 'authority-exists');
    await network.refuse(proposing({ ...fresh, authority: registrar.chain[0] }), 'certificate-invalid');
    await network.refuse(proposing(await certified('c', { roles: ['clinician'] })), 'administrator-required');
    const foreign = { roles: ['administrator'], organisation: 'hospital-b' };
    await network.refuse(proposing(await certified('f', foreign)), 'certificate-invalid');
    const elsewhere = await createAuthority('hospital-b', 'elsewhere', network.nowMs() - DAY_MS);
    const theirs = await certifyMember(elsewhere, { label: 'theirs', roles: ['administrator'] }, network.nowMs());
    const other = { authority: elsewhere.certificate, administrator: { chain: theirs.chain } };
    await network.refuse(proposing(other), 'organisation-mismatch');
    const taken = { roles: ['administrator'], id: registrar.id };
    await network.refuse(proposing(await certified('t', taken)), 'identity-exists');
    await network.refuse(proposing(null, [{ authority: testHash('x'), untilMs: 0 }]), 'authority-unknown');
    const ownHash = network.host.pure.hashTuple('certificate', own.certificate);
    await network.refuse(proposing(null, [{ authority: ownHash, untilMs: 0 }]), 'authority-missing');
    await network.refuse(
      { ...proposing(null), args: { organisation: 'lab', add: null, retire: [] } },
      'organisation-unknown',
    );
    // Retired at once, never in the past, and only once.
    await network.commit(proposing(fresh, [{ authority: ownHash, untilMs: network.nowMs() - HOUR_MS }]));
    const roots = network.state.get('membership/roots/hospital-a') as unknown as RootsFact;
    expect(roots.ca[0]).toMatchObject({ untilMs: network.nowMs() });
  });
});
