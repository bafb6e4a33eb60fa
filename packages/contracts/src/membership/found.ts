import { parseFields } from '../args.ts';
import { demand } from '../errors.ts';
import { defineTransaction } from '../transaction.ts';
import { APPLICANT_FIELDS, type Applicant, addOrganisation, parseApplicant, verifyApplicant } from './organisation.ts';

/**
 * The first organisation founds the network. Its administrator signs; nobody vouches but the certificate in the arguments, since
 * before the founding there is no state: whoever joins later compares the founder's authority out of band.
 */
export const found = defineTransaction<Applicant>({
  contract: 'membership',
  name: 'found',
  summary: 'Founds the network with its first organisation, authority and administrator.',
  signers: ['id'],
  memberKinds: ['staff'],
  roles: ['administrator'],
  checks: [
    'No network was founded on this ledger.',
    "The administrator's certificate leads to the authority in the arguments, names the organisation, the role `administrator` and the signer's id.",
    'The call is signed by the key of that certificate.',
  ],
  writes: [
    'membership/network',
    'membership/roots/<organisation>',
    'membership/revoked/<organisation>',
    'membership/identity/<administrator>',
  ],
  errors: ['already-founded', 'certificate-invalid', 'organisation-mismatch', 'administrator-required', 'args-invalid'],
  parse: (args) => parseApplicant(parseFields(args, 'args', APPLICANT_FIELDS), 'args'),
  resolveSigner: async ({ payload, timestampMs, members, pure }, applicant) => {
    demand(members.network === undefined, 'already-founded');
    const { administrator } = await verifyApplicant(pure, applicant, timestampMs);
    demand(payload.signer === `id:${administrator.id}`, 'signer-unknown');
    const { id, organisation, kind, roles, publicKey } = administrator;
    return { caller: { kind: 'id', id, organisation, memberKind: kind, roles }, publicKey };
  },
  run: async (context, applicant) => {
    const verified = await verifyApplicant(context.pure, applicant, context.timestampMs);
    await addOrganisation(context, verified);
    return { organisation: applicant.organisation, administrator: verified.administrator.id };
  },
});
