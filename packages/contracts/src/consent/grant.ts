import { parseFields, parseHash, parseId, parseNullable, parseOneOf, parsePublicKey } from '../args.ts';
import type { Context, PatientCaller } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import { readClaimedPatient, readUnclosedPatient } from '../patient/patient.ts';
import { defineTransaction } from '../transaction.ts';
import { demandNewGrant, putNewGrant } from './grant-fact.ts';
import { demandListedRecipients, parseSeals, type Seal } from './seals.ts';
import { GRANT_KINDS, type GrantKind, grantCommitment, type OpenedTerms, parseTerms } from './terms.ts';

type GrantArgs = {
  readonly grant: string;
  readonly kind: GrantKind;
  readonly commitment: string;
  readonly cardKey: string | null;
};
type GrantPrivate = OpenedTerms & { readonly seals: readonly Seal[] };

export const grant = defineTransaction<GrantArgs, GrantPrivate>({
  contract: 'consent',
  name: 'grant',
  summary:
    'A patient gives a grant: access to records, to the list of places of treatment, or an emergency card. Only a device key of the claimed pid can sign it.',
  signers: ['pid'],
  guardian: 'consent',
  checks: [
    'The pid is claimed, or a guardian signs, and it is not merged: `patient-unclaimed`, `patient-closed`, `patient-merged`.',
    'The grant id is new; one that was revoked before it arrived stays refused: `grant-revoked`, `grant-exists`.',
    'A card names its public key, nothing else does: `args-invalid`.',
    'Private: the terms open the commitment: `commitment-mismatch`.',
    'Private: the terms are for this network, pid, grant, kind and card key, and without parent: `wrong-network`, `terms-mismatch`.',
    "Private: keys are sealed only to keys that the ledger lists for the grantee's organisation or client: `seal-recipient`.",
  ],
  writes: ['grant/<pid>/<grant> {kind, commitment, status: active, uses: 0, firstMs, lastMs, cardKey?}'],
  errors: [
    ...([
      'patient-unclaimed',
      'patient-closed',
      'patient-merged',
      'grant-revoked',
      'grant-exists',
      'commitment-mismatch',
    ] as const),
    ...(['wrong-network', 'terms-mismatch', 'seal-recipient'] as const),
  ],
  private: { summary: '{terms, salt, seals: [{keyId, recipientKid, digest}]}', required: true, pid: 'signer' },
  parse: (value) => {
    const fields = parseFields(value, 'args', ['grant', 'kind', 'commitment', 'cardKey']);
    const args: GrantArgs = {
      grant: parseId(fields.grant, 'args.grant'),
      kind: parseOneOf(fields.kind, 'args.kind', GRANT_KINDS),
      commitment: parseHash(fields.commitment, 'args.commitment'),
      cardKey: parseNullable(fields.cardKey, 'args.cardKey', parsePublicKey),
    };
    demand((args.cardKey !== null) === (args.kind === 'card'), 'args-invalid', 'args.cardKey belongs to a card');
    return args;
  },
  parsePrivate: (values) => {
    const fields = parseFields(values, 'private', ['terms', 'salt', 'seals']);
    return {
      terms: parseTerms(fields.terms, 'private.terms'),
      salt: parseHash(fields.salt, 'private.salt'),
      seals: parseSeals(fields.seals, 'private.seals'),
    };
  },
  run: async (context, args, priv) => {
    const { pid, guardian } = patientOf(context);
    // For an unclaimed pid, as a child's, a guardian decides: its custodian still cannot.
    const patient = await (guardian === undefined ? readClaimedPatient : readUnclosedPatient)(context, pid);
    demand(patient.merged === undefined, 'patient-merged');
    await demandNewGrant(context, pid, args.grant);
    if (priv !== undefined) checkTerms(context, { ...args, pid }, priv);
    const { kind, commitment } = args;
    putNewGrant(context, pid, args.grant, {
      kind,
      commitment,
      ...(args.cardKey === null ? {} : { cardKey: args.cardKey }),
    });
    return { grant: args.grant };
  },
});

/** The patient whose device signed; the runtime has checked that one did. */
export function patientOf(context: Context): PatientCaller {
  const { caller } = context;
  if (caller.kind !== 'pid') throw new Error('a device of a patient must have signed');
  return caller;
}

function checkTerms(context: Context, args: GrantArgs & { readonly pid: string }, priv: GrantPrivate): void {
  const { terms } = priv;
  demand(grantCommitment(context.pure, priv) === args.commitment, 'commitment-mismatch');
  demand(terms.network === context.network, 'wrong-network');
  const key = terms.grantee.kind === 'card' ? terms.grantee.key : null;
  const agrees =
    terms.pid === args.pid && terms.grant === args.grant && terms.kind === args.kind && key === args.cardKey;
  if (!agrees || terms.parent !== null) throw new ContractError('terms-mismatch');
  demandListedRecipients(context, priv.seals, terms.grantee);
}
