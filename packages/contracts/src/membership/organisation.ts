import { demandUnique, parseList, parseOrganisation, parsePublicKey } from '../args.ts';
import type { Context, Pure } from '../context.ts';
import { demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { type HpkeKeyFact, NETWORK_KEY, type NetworkFact, type RootsFact, revokedKey, rootsKey } from '../members.ts';
import { demandPoint } from '../public-key.ts';
import { authorityOf, type Enrolment, parseAuthority, parseEnrolment, readAdministrator } from './certificate.ts';
import { type IdentityFact, identityKey } from './identity.ts';

/** Every call reads the roots and the revoked of all organisations. */
export const ORGANISATIONS_MAX = 64;
export const INITIAL_HPKE_KEYS_MAX = 8;

/** What a new organisation brings: its authority, an administrator certified by it (which proves that it is one), HPKE keys. */
export type Applicant = {
  readonly organisation: string;
  readonly authority: string;
  readonly administrator: Enrolment;
  readonly hpkeKeys: readonly string[];
};

/** An applicant whose certificates were verified; what a proposal keeps until it is decided. */
export type VerifiedApplicant = {
  readonly organisation: string;
  readonly certificate: string;
  readonly administrator: IdentityFact;
  readonly hpkeKeys: readonly string[];
};

export const APPLICANT_FIELDS = ['organisation', 'authority', 'administrator', 'hpkeKeys'] as const;

export function parseApplicant(
  fields: { readonly [K in (typeof APPLICANT_FIELDS)[number]]: Json },
  name: string,
): Applicant {
  const hpkeKeys = parseList(fields.hpkeKeys, `${name}.hpkeKeys`, { max: INITIAL_HPKE_KEYS_MAX }, parsePublicKey);
  demandUnique(hpkeKeys, `${name}.hpkeKeys`, (key) => key);
  return {
    organisation: parseOrganisation(fields.organisation, `${name}.organisation`),
    authority: parseAuthority(fields.authority, `${name}.authority`),
    administrator: parseEnrolment(fields.administrator, `${name}.administrator`),
    hpkeKeys,
  };
}

/** Verifies the administrator's chain under the applicant's own authority. `certificate-invalid` when that is no authority. */
export async function verifyApplicant(pure: Pure, applicant: Applicant, atMs: number): Promise<VerifiedApplicant> {
  const { organisation, authority: certificate, administrator: enrolment, hpkeKeys } = applicant;
  for (const publicKey of hpkeKeys) demandPoint(pure, publicKey, 'hpkeKeys');
  const authorities = [{ authority: authorityOf(pure, certificate), certificate }];
  const administrator = await readAdministrator(pure, { enrolment, authorities, organisation, atMs });
  return { organisation, certificate, administrator, hpkeKeys };
}

/** Writes a new organisation with its first administrator. `network` is undefined at the founding. */
export async function addOrganisation(context: Context, applicant: VerifiedApplicant): Promise<void> {
  const { organisation, certificate, administrator } = applicant;
  const known = context.members.network;
  demand(known === undefined || !known.organisations.includes(organisation), 'organisation-exists');
  const organisations = [...(known?.organisations ?? []), organisation].sort();
  demand(organisations.length <= ORGANISATIONS_MAX, 'limit-exceeded', 'organisations');
  demand((await context.get(identityKey(administrator.id))) === undefined, 'identity-exists');
  const network: NetworkFact = {
    network: context.network,
    founder: known?.founder ?? organisation,
    foundedMs: known?.foundedMs ?? context.timestampMs,
    organisations,
  };
  const roots: RootsFact = {
    organisation,
    status: 'active',
    ca: [
      { authority: authorityOf(context.pure, certificate), certificate, fromMs: context.timestampMs, untilMs: null },
    ],
    hpke: applicant.hpkeKeys.map((publicKey) => hpkeKey(context, publicKey, 'organisation')),
  };
  context.put(NETWORK_KEY, network);
  context.put(rootsKey(organisation), roots);
  context.put(revokedKey(organisation), []);
  context.put(identityKey(administrator.id), { ...administrator, sinceMs: context.timestampMs });
  context.emit('membership.organisation', { organisation });
}

export function hpkeKey(context: Context, publicKey: string, holder: string): HpkeKeyFact {
  return { kid: context.pure.kidOf(publicKey), publicKey, holder, fromMs: context.timestampMs, untilMs: null };
}
