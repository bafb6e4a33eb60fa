import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../test/authority.ts';
import { createLedger, DAY_MS } from '../../test/host.ts';
import { testId, testKey } from '../../test/keys.ts';
import { applicantArgs, certifyMember, createNetwork, prepareOrganisation } from '../../test/network.ts';

describe('membership.found', () => {
  it('founds the network with its first organisation, authority, administrator and HPKE key', async () => {
    const ledger = createLedger();
    const applicant = await prepareOrganisation(ledger, 'hospital-a');
    await ledger.commit({
      transaction: 'membership.found',
      args: applicantArgs(applicant),
      by: applicant.administrator,
    });
    expect(ledger.state.get('membership/network')).toEqual({
      network: ledger.host.network,
      founder: 'hospital-a',
      foundedMs: ledger.nowMs(),
      organisations: ['hospital-a'],
    });
    expect(ledger.state.get('membership/roots/hospital-a')).toMatchObject({
      organisation: 'hospital-a',
      status: 'active',
      ca: [{ certificate: applicant.authority.certificate, fromMs: ledger.nowMs(), untilMs: null }],
      hpke: [{ kid: applicant.hpke.kid, publicKey: applicant.hpke.publicKey, holder: 'organisation' }],
    });
    expect(ledger.state.get('membership/revoked/hospital-a')).toEqual([]);
    expect(ledger.state.get(`membership/identity/${applicant.administrator.id}`)).toMatchObject({
      organisation: 'hospital-a',
      kind: 'staff',
      roles: ['administrator'],
      status: 'active',
    });
  });

  it('refuses a second founding', async () => {
    const network = await createNetwork(['hospital-a']);
    const applicant = await prepareOrganisation(network, 'hospital-b');
    const options = { transaction: 'membership.found', args: applicantArgs(applicant), by: applicant.administrator };
    await network.refuse(options, 'already-founded');
  });

  it('refuses every other call before the founding', async () => {
    const ledger = createLedger();
    const by = { signer: `id:${testId('nobody')}`, key: testKey('nobody') };
    await ledger.refuse({ transaction: 'patient.register', args: {}, by }, 'not-founded');
  });

  it('refuses a founder who is no administrator, of another organisation, or another signer', async () => {
    const ledger = createLedger();
    const applicant = await prepareOrganisation(ledger, 'hospital-a');
    const clinician = await certifyMember(applicant.authority, { label: 'x', roles: ['clinician'] }, ledger.nowMs());
    const found = (administrator: typeof clinician) =>
      ({
        transaction: 'membership.found',
        args: applicantArgs({ ...applicant, administrator }),
        by: administrator,
      }) as const;
    await ledger.refuse(found(clinician), 'administrator-required');
    const named = { ...found(applicant.administrator).args, organisation: 'hospital-b' };
    await ledger.refuse({ ...found(applicant.administrator), args: named }, 'organisation-mismatch');
    await ledger.refuse({ ...found(applicant.administrator), by: clinician }, 'signer-unknown');
    const forged = { signer: applicant.administrator.signer, key: testKey('somebody else') };
    await ledger.refuse({ ...found(applicant.administrator), by: forged }, 'signature-invalid');
    expect(ledger.state.size).toBe(0);
  });

  it('refuses an authority that is none: a leaf certificate certifies nobody', async () => {
    const ledger = createLedger();
    const applicant = await prepareOrganisation(ledger, 'hospital-a');
    const [leaf = ''] = applicant.administrator.chain;
    const args = { ...applicantArgs(applicant), authority: leaf };
    await ledger.refuse({ transaction: 'membership.found', args, by: applicant.administrator }, 'certificate-invalid');
  });

  it("refuses an administrator certified by another authority than the applicant's", async () => {
    const ledger = createLedger();
    const applicant = await prepareOrganisation(ledger, 'hospital-a');
    const authority = await createAuthority('hospital-a', 'another', ledger.nowMs() - DAY_MS);
    const args = applicantArgs({ ...applicant, authority });
    await ledger.refuse({ transaction: 'membership.found', args, by: applicant.administrator }, 'certificate-invalid');
  });
});
