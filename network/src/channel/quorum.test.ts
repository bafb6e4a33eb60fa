import { describe, expect, it } from 'vitest';
import {
  withOrganisation,
  withoutConsenter,
  withoutOrganisation,
  withPolicyRule,
  withRevocationLists,
} from './changes.ts';
import { describeProposal } from './describe-update.ts';
import { checkQuorum, describeQuorum } from './quorum.ts';
import { createRevocationList, serialOf } from './revocation.ts';
import { createTestChannels, NOW_MS, signAll } from './test-member.ts';
import { configAfter, proposeUpdate, signProposal, type UpdateProposal } from './update.ts';

const { hospital, laboratory, pharmacy, research, raft } = await createTestChannels();

const coded = (code: string): unknown => expect.objectContaining({ code });

describe('the quorum of an update', () => {
  const joining = () => proposeUpdate(raft, withOrganisation(raft, research.definition));

  it('is a majority of the members’ administrators, each organisation once', async () => {
    const one = await signAll(joining(), hospital);
    expect(await checkQuorum(raft, one, NOW_MS)).toMatchObject({ reached: false, signedBy: ['hospital-a'] });
    const other = await hospital.issue('admin', 'another-admin');
    const same = await signProposal(one, other);
    expect(same.signatures).toHaveLength(2);
    expect(await checkQuorum(raft, same, NOW_MS)).toMatchObject({ reached: false, signedBy: ['hospital-a'] });
    expect(describeQuorum(await checkQuorum(raft, same, NOW_MS))[0]).toBe(
      '/Channel/Application/Admins (MAJORITY of 3): not reached, 1 of 2 needed, signed by hospital-a; can still sign: laboratory, pharmacy',
    );
    const two = await signAll(same, pharmacy);
    expect(await checkQuorum(raft, two, NOW_MS)).toMatchObject({ reached: true, signedBy: ['hospital-a', 'pharmacy'] });
  });

  it('is asked of every section that the update changes, and of sections by the root', async () => {
    const leaving = proposeUpdate(
      raft,
      withoutOrganisation(withoutConsenter(raft, 'laboratory.example:7050'), 'laboratory'),
    );
    const quorum = await checkQuorum(raft, await signAll(leaving, hospital, pharmacy), NOW_MS);
    expect(quorum.requirements.map(({ policy, reached }) => `${policy} ${reached}`)).toEqual([
      '/Channel/Application/Admins true',
      '/Channel/Orderer/Admins false',
    ]);
    const root = proposeUpdate(raft, withPolicyRule(raft, 'Channel', 'Admins', 'ALL'));
    const some = await checkQuorum(raft, await signAll(root, pharmacy, hospital), NOW_MS);
    expect(describeQuorum(some)).toEqual([
      '/Channel/Admins (MAJORITY of 2): not reached, 1 of 2 needed, signed by Application; can still sign: Orderer',
      '  /Channel/Application/Admins (MAJORITY of 3): reached, 2 of 2 needed, signed by hospital-a, pharmacy',
      '  /Channel/Orderer/Admins (MAJORITY of 2): not reached, 1 of 2 needed, signed by hospital-a; can still sign: laboratory',
      '  changes /Channel/Admins',
    ]);
    expect(await checkQuorum(raft, await signAll(root, laboratory, hospital), NOW_MS)).toMatchObject({ reached: true });
  });

  it('of an organisation’s own revocations is its own administrator', async () => {
    const crl = await createRevocationList({ ca: pharmacy.ca, revoked: [], nowMs: NOW_MS });
    const proposal = proposeUpdate(raft, withRevocationLists(raft, 'pharmacy', [crl]));
    const others = await signAll(proposal, hospital, laboratory);
    expect(await checkQuorum(raft, others, NOW_MS)).toMatchObject({ reached: false });
    expect(await checkQuorum(raft, await signAll(proposal, pharmacy), NOW_MS)).toMatchObject({ reached: true });
  });

  it('counts no node, stranger, revoked or overdue administrator, nor a signature of something else', async () => {
    const proposal = await signAll(joining(), hospital);
    const node = await laboratory.issue('client');
    expect(await checkQuorum(raft, await signProposal(proposal, node), NOW_MS)).toMatchObject({ reached: false });
    const reasons = async (signed: UpdateProposal, nowMs = NOW_MS, config = raft) => {
      const quorum = await checkQuorum(config, signed, nowMs);
      expect(quorum.reached).toBe(false);
      return quorum.ignored.map(({ mspId, reason }) => `${mspId} ${reason}`);
    };
    expect(await reasons(await signAll(proposal, research))).toEqual(['research is of no organisation of the channel']);
    const forged = { ...research.admin, mspId: 'laboratory' };
    expect(await reasons(await signProposal(proposal, forged))).toEqual([
      'laboratory has a certificate of another authority',
    ]);
    const two = await signAll(proposal, laboratory);
    const [first, second] = two.signatures;
    const swapped = { ...two, signatures: [first!, { ...second!, signature: first!.signature }] };
    expect(await reasons(swapped)).toEqual(['laboratory does not sign this update']);
    expect((await reasons(two, NOW_MS + 366 * 86_400_000)).length).toBe(2);
    const crl = await createRevocationList({
      ca: laboratory.ca,
      revoked: [{ serial: serialOf(laboratory.admin.certificate), revokedMs: NOW_MS }],
      nowMs: NOW_MS,
    });
    const after = withRevocationLists(raft, 'laboratory', [crl]);
    const again = await signAll(
      proposeUpdate(after, withOrganisation(after, research.definition)),
      hospital,
      laboratory,
    );
    expect(await reasons(again, NOW_MS, after)).toEqual(['laboratory is revoked']);
  });

  it('is not asked of an update for another channel or an older configuration', async () => {
    const proposal = joining();
    await expect(checkQuorum({ ...raft, channel: 'other' }, proposal, NOW_MS)).rejects.toThrow(coded('bad-input'));
    const later = configAfter(raft, proposal);
    await expect(checkQuorum(later, proposal, NOW_MS)).rejects.toThrow(coded('stale'));
    await expect(describeProposal(later, proposal)).rejects.toThrow(coded('stale'));
  });
});
