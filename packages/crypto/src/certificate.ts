import { fromUtf8 } from './bytes.ts';
import { type Json, parseJson } from './canonical-json.ts';
import {
  isNamedIssuer,
  isSignedBy,
  OID,
  type ParsedCertificate,
  parseCertificate,
  subjectValue,
} from './certificate-profile.ts';
import { CryptoError } from './crypto-error.ts';
import { kidOf } from './signature.ts';

/** What kind of member a certificate is for; an administrator is staff with the role `administrator`. */
export type MemberKind = 'staff' | 'client' | 'node' | 'device';
export const MEMBER_KINDS: readonly MemberKind[] = ['staff', 'client', 'node', 'device'];

/** What a verified certificate says. */
export type CertificateFacts = {
  /** Opaque id, the subject's common name: never a person's name. */
  readonly id: string;
  readonly organisation: string;
  readonly kind: MemberKind;
  readonly roles: readonly string[];
  readonly publicKey: string;
  /** Lower-case hex. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** `kidOf` the issuing authority's public key. */
  readonly issuer: string;
};

/** DER in base64url throughout. */
export type CertificateInput = {
  /** The certificate first, then its issuers up to, but not necessarily with, a root. */
  readonly chain: readonly string[];
  readonly roots: readonly string[];
  /** Milliseconds since the epoch: the time at which to judge, never the clock. */
  readonly atMs: number;
};

export const CHAIN_LENGTH_MAX = 4;
export const ROOTS_MAX = 64;
/** Keys of the Fabric attribute extension: `{"attrs": {"salus.kind": "staff", "salus.roles": "clinician,registrar"}}`. */
export const KIND_ATTRIBUTE = 'salus.kind';
export const ROLES_ATTRIBUTE = 'salus.roles';

const ATTRIBUTES_SIZE_MAX = 2048;
/** All that a member's certificate may say: it stands on the ledger for ever, where nothing may name a person. */
const SUBJECT: ReadonlySet<string> = new Set([OID.commonName, OID.organisationalUnit, OID.organisation]);
const EXTENSIONS: ReadonlySet<string> = new Set([
  OID.keyUsage,
  OID.basicConstraints,
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
  OID.fabricAttributes,
]);
const ATTRIBUTES: ReadonlySet<string> = new Set([KIND_ATTRIBUTE, ROLES_ATTRIBUTE]);
const ADMINISTRATOR_ROLE = 'administrator';

/**
 * The facts of `chain[0]`, or of `certificate`, when it leads to one of `roots` and everything on the way is valid at
 * `atMs`; undefined for anything else, malformed input included. Depends on nothing but its arguments: checks
 * signatures (P-256, ecdsa-with-SHA256), validity, names, basic constraints with path length, key usage, unknown
 * critical extensions, and that one organisation stands in all of the chain (RFC 5280 §6.1, without policies and name
 * constraints); that a member's certificate says nothing beyond its profile, and its NodeOU what its roles say. Revocation is the
 * ledger's to know.
 */
export async function verifyCertificate(
  input: CertificateInput | (Omit<CertificateInput, 'chain'> & { readonly certificate: string }),
): Promise<CertificateFacts | undefined> {
  const chain = 'certificate' in input ? [input.certificate] : input.chain;
  const path = findPath({ chain, roots: input.roots, atMs: input.atMs });
  const [leaf, issuer] = path ?? [];
  return leaf === undefined || issuer === undefined ? undefined : findFacts(leaf, issuer);
}

/** The chain with its root at the end, all verified; undefined when it does not verify. Shorter than two never. */
export function findPath({ chain, roots, atMs }: CertificateInput): readonly ParsedCertificate[] | undefined {
  if (chain.length < 1 || chain.length > CHAIN_LENGTH_MAX || roots.length > ROOTS_MAX) return undefined;
  const links = parseAll(chain);
  const [leaf, ...issuers] = links ?? [];
  if (leaf === undefined || leaf.authority || !leaf.maySign || !isValidAt(leaf, atMs)) return undefined;
  for (const root of roots) {
    const anchor = findCertificate(root);
    if (anchor === undefined) continue;
    const above = issuers.at(-1);
    const sent = above !== undefined && chain.at(-1) === root;
    const path = [leaf, ...issuers, ...(sent ? [] : [anchor])];
    if (isPath(path, atMs)) return path;
  }
  return undefined;
}

/** The facts of an end certificate; undefined when its subject or attributes are not those of a member. */
function findFacts(leaf: ParsedCertificate, issuer: ParsedCertificate): CertificateFacts | undefined {
  const id = subjectValue(leaf, OID.commonName);
  const organisation = subjectValue(leaf, OID.organisation);
  const attributes = findAttributes(leaf);
  const kind = MEMBER_KINDS.find((known) => known === attributes?.[KIND_ATTRIBUTE]);
  const rolesText = attributes?.[ROLES_ATTRIBUTE];
  if (id === undefined || organisation === undefined || kind === undefined || typeof rolesText !== 'string')
    return undefined;
  const roles = rolesText === '' ? [] : rolesText.split(',');
  if (!isPlain(leaf, attributes ?? {}) || !isOfItsUnit(leaf, { kind, roles })) return undefined;
  return {
    id,
    organisation,
    kind,
    roles,
    publicKey: leaf.publicKey,
    serial: leaf.serial,
    notBeforeMs: leaf.notBeforeMs,
    notAfterMs: leaf.notAfterMs,
    issuer: kidOf(issuer.publicKey),
  };
}

/** A further name, an alternative name or a comment could identify a person. */
function isPlain({ subject, extensions }: ParsedCertificate, attributes: object): boolean {
  return (
    subject.every(({ oid }) => SUBJECT.has(oid)) &&
    [...extensions.keys()].every((oid) => EXTENSIONS.has(oid)) &&
    Object.keys(attributes).every((name) => ATTRIBUTES.has(name))
  );
}

/** Fabric reads the unit, contracts the attributes: a certificate that tells one of them more is refused. */
function isOfItsUnit(leaf: ParsedCertificate, member: Pick<CertificateFacts, 'kind' | 'roles'>): boolean {
  const units = leaf.subject.filter(({ oid }) => oid === OID.organisationalUnit);
  return units.length === 0 || (units.length === 1 && units[0]?.value === nodeUnitOf(member));
}

/** The organisational unit by which a Fabric MSP with NodeOUs tells roles apart. */
export function nodeUnitOf({ kind, roles }: Pick<CertificateFacts, 'kind' | 'roles'>): 'admin' | 'client' | 'peer' {
  switch (kind) {
    case 'staff':
      return roles.includes(ADMINISTRATOR_ROLE) ? 'admin' : 'client';
    case 'node':
      return 'peer';
    case 'client':
    case 'device':
      return 'client';
  }
}

/** Each certificate is signed by the next, an authority of the same organisation that may stand where it stands. */
function isPath(path: readonly ParsedCertificate[], atMs: number): boolean {
  const organisation = subjectValue(path[0] as ParsedCertificate, OID.organisation);
  return path.slice(1).every((issuer, below) => {
    const certificate = path[below] as ParsedCertificate;
    return (
      issuer.authority &&
      issuer.mayCertify &&
      below <= (issuer.pathLengthMax ?? CHAIN_LENGTH_MAX) &&
      isValidAt(issuer, atMs) &&
      subjectValue(issuer, OID.organisation) === organisation &&
      isNamedIssuer(certificate, issuer) &&
      isSignedBy(certificate, issuer)
    );
  });
}

function isValidAt(certificate: ParsedCertificate, atMs: number): boolean {
  return certificate.notBeforeMs <= atMs && atMs <= certificate.notAfterMs;
}

/** The Fabric attributes of a certificate; undefined without them or when they are not what Fabric CA writes. */
export function findAttributes(certificate: ParsedCertificate): { readonly [key: string]: Json } | undefined {
  const value = certificate.extensions.get(OID.fabricAttributes);
  if (value === undefined) return undefined;
  try {
    const json = parseJson(fromUtf8(value), { sizeMax: ATTRIBUTES_SIZE_MAX, depthMax: 2 });
    const attributes = isObject(json) ? json.attrs : undefined;
    return isObject(attributes) ? attributes : undefined;
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

/** A parsed certificate, or undefined for anything outside the profile. */
export function findCertificate(certificate: string): ParsedCertificate | undefined {
  try {
    return parseCertificate(certificate);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

/** RFC 7468 text of DER in base64url, as `openssl` and Fabric read it. */
export function toPem(label: 'CERTIFICATE' | 'CERTIFICATE REQUEST' | 'X509 CRL' | 'PRIVATE KEY', der: string): string {
  const base64 = der.replaceAll('-', '+').replaceAll('_', '/');
  const padded = base64.padEnd(Math.ceil(base64.length / 4) * 4, '=');
  return `-----BEGIN ${label}-----\n${padded.replace(/.{64}(?=.)/g, '$&\n')}\n-----END ${label}-----\n`;
}

function parseAll(chain: readonly string[]): readonly ParsedCertificate[] | undefined {
  const parsed = chain.map(findCertificate);
  return parsed.every((certificate) => certificate !== undefined) ? parsed : undefined;
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
