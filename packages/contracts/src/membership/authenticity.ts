import { parseFields, parseHash, parseId } from '../args.ts';
import type { Context } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import { type AnyTransaction, defineTransaction } from '../transaction.ts';
import { findIdentityFault, type IdentityFact, identityKey } from './identity.ts';
import { administratorOf } from './proposal.ts';

const ADMINISTRATOR = { signers: ['id'], memberKinds: ['staff'], roles: ['administrator'] } as const;

/**
 * membership/authenticity/<fingerprint>: a Certificate of Authenticity that an administrator has put their signature to.
 * The certificate itself, which carries a name, stays off the ledger; its serial number holds 126 random bits, so the
 * fingerprint tells nobody what it says.
 */
export type AuthenticityFact = {
  readonly organisation: string;
  /** The identity that it names. */
  readonly id: string;
  readonly status: 'valid' | 'revoked';
  readonly sinceMs: number;
};

/** @param fingerprint hashTuple('authenticity', certificate), the certificate as DER in base64url. */
export const authenticityKey = (fingerprint: string): string => `membership/authenticity/${fingerprint}`;

export const certifyAuthenticity = defineTransaction<{ readonly id: string; readonly fingerprint: string }>({
  contract: 'membership',
  name: 'certifyAuthenticity',
  summary:
    'Makes a Certificate of Authenticity count for whoever asks the ledger: without this call one that only the authority’s key signed is not listed there. Offline nobody can tell.',
  ...ADMINISTRATOR,
  checks: [
    'The identity is of the caller’s organisation and may act: enrolled, not revoked, its certificate and authority live.',
    'The fingerprint is new: `authenticity-exists`.',
  ],
  writes: ['membership/authenticity/<fingerprint>'],
  errors: ['identity-unknown', 'identity-foreign', 'identity-revoked', 'authenticity-exists', 'args-invalid'],
  parse: (args) => {
    const { id, fingerprint } = parseFields(args, 'args', ['id', 'fingerprint']);
    return { id: parseId(id, 'id'), fingerprint: parseHash(fingerprint, 'fingerprint') };
  },
  run: async (context, { id, fingerprint }) => {
    const { organisation } = administratorOf(context);
    const identity = await context.get<IdentityFact>(identityKey(id));
    if (identity === undefined) throw new ContractError('identity-unknown');
    demand(identity.organisation === organisation, 'identity-foreign');
    demand(findIdentityFault(identity, context.members, context.timestampMs) === undefined, 'identity-revoked');
    demand((await context.get(authenticityKey(fingerprint))) === undefined, 'authenticity-exists');
    putFact(context, fingerprint, { organisation, id, status: 'valid' });
    return { fingerprint };
  },
});

export const revokeAuthenticity = defineTransaction<{ readonly fingerprint: string }>({
  contract: 'membership',
  name: 'revokeAuthenticity',
  summary:
    'Ends a Certificate of Authenticity for ever; the person stays a member. Revoking the member ends all of theirs.',
  ...ADMINISTRATOR,
  checks: ['The certificate is of the caller’s organisation, on the ledger and not revoked.'],
  writes: ['membership/authenticity/<fingerprint>'],
  errors: ['authenticity-unknown', 'authenticity-revoked', 'args-invalid'],
  parse: (args) => ({ fingerprint: parseHash(parseFields(args, 'args', ['fingerprint']).fingerprint, 'fingerprint') }),
  run: async (context, { fingerprint }) => {
    const { organisation } = administratorOf(context);
    const fact = await context.get<AuthenticityFact>(authenticityKey(fingerprint));
    // Another organisation's certificate is as unknown as none: its own administrators decide.
    if (fact?.organisation !== organisation) throw new ContractError('authenticity-unknown');
    demand(fact.status === 'valid', 'authenticity-revoked');
    putFact(context, fingerprint, { organisation, id: fact.id, status: 'revoked' });
    return { fingerprint };
  },
});

function putFact(context: Context, fingerprint: string, fact: Omit<AuthenticityFact, 'sinceMs'>): void {
  context.put(authenticityKey(fingerprint), { ...fact, sinceMs: context.timestampMs });
}

export const authenticity: readonly AnyTransaction[] = [certifyAuthenticity, revokeAuthenticity];
