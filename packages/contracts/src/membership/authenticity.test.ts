import { describe, expect, it } from 'vitest';
import { testHash, testId } from '../../test/keys.ts';
import { createNetwork, type Member } from '../../test/network.ts';
import { authenticityKey } from './authenticity.ts';

const fingerprint = testHash('a certificate');
const certifying = (by: Member, id: string, of = fingerprint) =>
  ({ transaction: 'membership.certifyAuthenticity', args: { id, fingerprint: of }, by }) as const;
const revoking = (by: Member, of = fingerprint) =>
  ({ transaction: 'membership.revokeAuthenticity', args: { fingerprint: of }, by }) as const;

describe('Certificates of Authenticity on the ledger', () => {
  it('count from an administrator’s call until one revokes them, and never again', async () => {
    const network = await createNetwork();
    const { administrator, clinician } = network.organisation('hospital-a');
    await network.commit(certifying(administrator, clinician.id));
    const issuedMs = network.nowMs();
    const base = { organisation: 'hospital-a', id: clinician.id };
    expect(network.state.get(authenticityKey(fingerprint))).toEqual({ ...base, status: 'valid', sinceMs: issuedMs });
    await network.refuse(certifying(administrator, clinician.id), 'authenticity-exists');
    network.advance(1_000);
    await network.commit(revoking(administrator));
    expect(network.state.get(authenticityKey(fingerprint))).toMatchObject({ ...base, status: 'revoked' });
    await network.refuse(revoking(administrator), 'authenticity-revoked');
    await network.refuse(certifying(administrator, clinician.id), 'authenticity-exists');
  });

  it('name an enrolled member of the administrator’s own organisation who may act', async () => {
    const network = await createNetwork();
    const { administrator, clinician } = network.organisation('hospital-a');
    const foreign = network.organisation('hospital-b').clinician;
    await network.refuse(certifying(administrator, foreign.id), 'identity-foreign');
    await network.refuse(certifying(administrator, testId('nobody')), 'identity-unknown');
    const revocation = { id: clinician.id, reason: 'left' };
    await network.commit({ transaction: 'membership.revoke', args: revocation, by: administrator });
    await network.refuse(certifying(administrator, clinician.id), 'identity-revoked');
  });

  it('are the own administrators’ business', async () => {
    const network = await createNetwork();
    const { administrator, clinician, node } = network.organisation('hospital-a');
    const other = network.organisation('hospital-b').administrator;
    await network.refuse(certifying(clinician, clinician.id), 'role-missing');
    await network.refuse(certifying(node, clinician.id), 'member-kind-not-allowed');
    await network.commit(certifying(administrator, clinician.id));
    await network.refuse(revoking(other), 'authenticity-unknown');
    await network.refuse(revoking(clinician), 'role-missing');
    await network.refuse(revoking(administrator, testHash('another')), 'authenticity-unknown');
    const args = { id: clinician.id, fingerprint: 'short' };
    await network.refuse({ transaction: 'membership.certifyAuthenticity', args, by: administrator }, 'args-invalid');
  });
});
