import { parseCertificate, parseChain, parseFields, parsePublicKey } from '../args.ts';
import { MEMBER_KINDS, type Pure } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import type { AuthorityFact } from '../members.ts';
import { ADMINISTRATOR_ROLE } from '../roles.ts';
import type { IdentityFact } from './identity.ts';

export const ROLES_MAX = 16;
const ID = /^[A-Za-z0-9_-]{22}$/;
const ROLE = /^[a-z][a-z0-9-]{0,31}$/;
const PUBLIC_KEY = /^B[A-P][A-Za-z0-9_-]{84}[AEIMQUYcgkosw048]$/;

/** A certificate chain to enrol, leaf first, and the holder's HPKE key where the holder has one. */
export type Enrolment = { readonly chain: readonly string[]; readonly hpke?: string };

export function parseEnrolment(value: Json | undefined, name: string): Enrolment {
  const fields = parseFields(value, name, ['chain'], ['hpke']);
  const chain = parseChain(fields.chain, `${name}.chain`);
  return fields.hpke === undefined ? { chain } : { chain, hpke: parsePublicKey(fields.hpke, `${name}.hpke`) };
}

export const parseAuthority = (value: Json | undefined, name: string): string => parseCertificate(value, name);

export function authorityOf(pure: Pure, certificate: string): string {
  return pure.hashTuple('certificate', certificate);
}

/**
 * The identity that a chain certifies, as it stands on the ledger. The chain leads to one of `authorities` at `atMs` and its leaf
 * is of `organisation`; everything it says is checked here once, because a hostile authority may certify anything, and an id
 * becomes part of a state key. Throws `certificate-invalid` or `organisation-mismatch`.
 */
export async function readIdentity(
  pure: Pure,
  {
    enrolment,
    authorities,
    organisation,
    atMs,
  }: {
    readonly enrolment: Enrolment;
    readonly authorities: readonly Pick<AuthorityFact, 'authority' | 'certificate'>[];
    readonly organisation: string;
    readonly atMs: number;
  },
): Promise<IdentityFact> {
  const { chain, hpke } = enrolment;
  for (const { authority, certificate } of authorities) {
    const facts = await pure.verifyCertificate({ chain, roots: [certificate], atMs });
    if (facts === undefined) continue;
    const kind = MEMBER_KINDS.find((known) => known === facts.kind);
    const wellFormed =
      ID.test(facts.id) &&
      facts.roles.length <= ROLES_MAX &&
      facts.roles.every((role) => ROLE.test(role)) &&
      PUBLIC_KEY.test(facts.publicKey);
    if (kind === undefined || !wellFormed) throw new ContractError('certificate-invalid', 'subject');
    demand(facts.organisation === organisation, 'organisation-mismatch');
    return {
      id: facts.id,
      organisation,
      kind,
      roles: [...new Set(facts.roles)].sort(),
      publicKey: facts.publicKey,
      certificateHash: pure.hashTuple('certificate', chain[0]!),
      authority,
      notBeforeMs: facts.notBeforeMs,
      notAfterMs: facts.notAfterMs,
      status: 'active',
      sinceMs: atMs,
      ...(hpke === undefined ? {} : { hpke }),
    };
  }
  throw new ContractError('certificate-invalid');
}

/** As `readIdentity`, of a member of staff who is an administrator; else `administrator-required`. */
export async function readAdministrator(pure: Pure, input: Parameters<typeof readIdentity>[1]): Promise<IdentityFact> {
  const identity = await readIdentity(pure, input);
  demand(isAdministrator(identity), 'administrator-required');
  return identity;
}

function isAdministrator(identity: IdentityFact): boolean {
  return identity.kind === 'staff' && identity.roles.includes(ADMINISTRATOR_ROLE);
}
