import type { Extension, JsonNameParams, X509Certificate } from '@peculiar/x509';
import { type Bytes, concatBytes, randomBytes, toBase64url } from './bytes.ts';
import { canonicalBytes } from './canonical-json.ts';
import { findAttributes, KIND_ATTRIBUTE, type MemberKind, nodeUnitOf, ROLES_ATTRIBUTE } from './certificate.ts';
import {
  isNamedIssuer,
  isSignedBy,
  OID,
  type ParsedCertificate,
  parseCertificate,
  SPKI_PREFIX,
  subjectValue,
} from './certificate-profile.ts';
import { parseCsr } from './certificate-request.ts';
import { CryptoError } from './crypto-error.ts';
import { hexOf } from './der.ts';
import { sha256 } from './hash.ts';
import {
  generateSigningKeySync,
  parsePublicKey,
  SIGNATURE_BYTES,
  type SigningKey,
  signerFromPkcs8,
} from './signature.ts';
import { loadX509 } from './x509.ts';

/** An organisation's authority. `privateKey` is PKCS #8: at rest it is wrapped by the organisation's master key. */
export type CertificateAuthority = {
  readonly organisation: string;
  /** Self-signed, DER in base64url. */
  readonly certificate: string;
  readonly privateKey: Bytes;
};

export type CertificateRequest = {
  readonly ca: CertificateAuthority;
  /** Opaque: base64url of 16 bytes. */
  readonly id: string;
  readonly organisation: string;
  readonly kind: MemberKind;
  readonly roles: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Hex of 8 to 20 bytes; drawn unless given. */
  readonly serial?: string;
} & ({ readonly publicKey: string } | { readonly csr: string });

export const CERTIFICATE_ROLES_MAX = 16;

const ID = /^[A-Za-z0-9_-]{22}$/;
const ORGANISATION = /^[a-z][a-z0-9-]{1,31}$/;
const ROLE = /^[a-z][a-z0-9-]{0,31}$/;
const SERIAL = /^(?:[0-9a-f]{2}){8,20}$/;
const SERIAL_BYTES = 16;
const KEY_IDENTIFIER_BYTES = 20;
const DAY_MS = 86_400_000;
/** Of a variable: the type of a browser's own parameters knows no curve, which the generator asks for. */
const P256_SIGNATURE = { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' };
/** 9999-12-31T23:59:59Z, the last time that X.509 can write. */
const TIME_MS_MAX = 253_402_300_799_000;

/**
 * A new authority of an organisation (RFC 5280, P-256), valid for `validDays` from `nowMs`. It may issue end certificates
 * only. Its subject is CN=ca.<organisation> or as given, O=<organisation>. Throws `bad-argument`.
 */
export async function createCa(input: {
  readonly organisation: string;
  readonly nowMs: number;
  readonly validDays: number;
  /** Drawn unless given. */
  readonly key?: SigningKey;
  /** `ca.<organisation>` unless given: an organisation's authorities are told apart by it. */
  readonly commonName?: string;
}): Promise<CertificateAuthority> {
  const { organisation } = input;
  const key = input.key ?? generateSigningKeySync();
  if (!ORGANISATION.test(organisation)) throw new CryptoError('bad-argument', 'an organisation is a lower-case slug');
  const x509 = await loadX509();
  const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
  const name = nameOf({ commonName: input.commonName ?? `ca.${organisation}`, organisation });
  const certificate = await signCertificate({
    subject: name,
    issuer: name,
    publicKey: key.publicKey,
    issuerKey: key.privateKey,
    serial: newSerial(),
    notBeforeMs: input.nowMs,
    notAfterMs: input.nowMs + input.validDays * DAY_MS,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      // digitalSignature as well: Fabric tools refuse authorities without it.
      new x509.KeyUsagesExtension(keyCertSign | cRLSign | digitalSignature, true),
      new x509.SubjectKeyIdentifierExtension(keyIdentifierOf(key.publicKey)),
    ],
  });
  return { organisation, certificate, privateKey: key.privateKey };
}

/**
 * Issues a member's certificate, laid out for a Fabric MSP with NodeOUs: CN=<opaque id>, OU=admin|client|peer,
 * O=<organisation>, kind and roles as Fabric-CA attributes. A CSR must be signed by its own key and name the same id.
 * Times are cut to whole seconds. Returns DER in base64url. Throws `bad-argument`, `bad-key`, `bad-certificate`.
 */
export async function issueCertificate(request: CertificateRequest): Promise<string> {
  requireMember(request);
  const x509 = await loadX509();
  const publicKey = 'csr' in request ? keyOfCsr(request.csr, request.id) : request.publicKey;
  const attributes = { [KIND_ATTRIBUTE]: request.kind, [ROLES_ATTRIBUTE]: request.roles.join(',') };
  return issueUnder(request.ca, {
    subject: nameOf({ commonName: request.id, unit: nodeUnitOf(request), organisation: request.organisation }),
    publicKey,
    serial: request.serial ?? newSerial(),
    notBeforeMs: request.notBeforeMs,
    notAfterMs: request.notAfterMs,
    extensions: [new x509.Extension(dotted(OID.fabricAttributes), false, canonicalBytes({ attrs: attributes }))],
  });
}

/**
 * Issues a successor of a certificate that this authority issued: same id, kind and roles, new time and serial, and
 * `publicKey` where the member changes keys. Throws `bad-certificate` when the old one is not of this authority.
 */
export async function renew(input: {
  readonly ca: CertificateAuthority;
  readonly certificate: string;
  readonly publicKey?: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly serial?: string;
}): Promise<string> {
  const { ca, certificate, publicKey, ...rest } = input;
  const old = parseCertificate(certificate);
  const issuer = parseCertificate(ca.certificate);
  const attributes = findAttributes(old);
  const id = subjectValue(old, OID.commonName);
  const kind = attributes?.[KIND_ATTRIBUTE] as MemberKind | undefined;
  const roles = attributes?.[ROLES_ATTRIBUTE];
  const issued = isNamedIssuer(old, issuer) && isSignedBy(old, issuer);
  if (!issued || id === undefined || kind === undefined || typeof roles !== 'string') {
    throw new CryptoError('bad-certificate', 'only a member certificate of this authority can be renewed');
  }
  return issueCertificate({
    ...rest,
    ca,
    id,
    kind,
    organisation: ca.organisation,
    roles: roles === '' ? [] : roles.split(','),
    publicKey: publicKey ?? old.publicKey,
  });
}

export type EndCertificate = {
  readonly subject: JsonNameParams;
  readonly publicKey: string;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Extension[];
};

/** Signs an end certificate under an authority, within the authority's own time. */
export async function issueUnder(ca: CertificateAuthority, end: EndCertificate): Promise<string> {
  const x509 = await loadX509();
  const issuer = parseCertificate(ca.certificate);
  if (end.notBeforeMs < issuer.notBeforeMs || end.notAfterMs > issuer.notAfterMs) {
    throw new CryptoError('bad-argument', 'a certificate is valid within the time of its authority');
  }
  return signCertificate({
    ...end,
    issuer: nameOf({ commonName: requireSubject(issuer, OID.commonName), organisation: ca.organisation }),
    issuerKey: ca.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.SubjectKeyIdentifierExtension(keyIdentifierOf(end.publicKey)),
      new x509.AuthorityKeyIdentifierExtension(keyIdentifierOf(issuer.publicKey)),
      ...end.extensions,
    ],
  });
}

export type NameParts = {
  readonly commonName: string;
  readonly unit?: string;
  readonly organisation: string;
  readonly serialNumber?: string;
  readonly description?: string;
};

/** A distinguished name of UTF8Strings, for a PrintableString cannot hold the `_` of base64url. */
export function nameOf(parts: NameParts): JsonNameParams {
  const attributes: readonly (readonly [oid: string, value: string | undefined])[] = [
    [OID.commonName, parts.commonName],
    [OID.serialNumber, parts.serialNumber],
    [OID.description, parts.description],
    [OID.organisationalUnit, parts.unit],
    [OID.organisation, parts.organisation],
  ];
  return attributes.flatMap(([oid, value]) =>
    value === undefined ? [] : [{ [dotted(oid)]: [{ utf8String: value }] }],
  );
}

/** 16 random bytes, positive and of full length, in hex. */
export function newSerial(): string {
  const bytes = randomBytes(SERIAL_BYTES);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return hexOf(bytes);
}

type Signing = EndCertificate & { readonly issuer: JsonNameParams; readonly issuerKey: Uint8Array };

/**
 * Signed in two steps, so that S is low, which Fabric demands of certificates: once with a blank signature to learn the
 * bytes to be signed, then with the signature over them.
 */
async function signCertificate(input: Signing): Promise<string> {
  const { serial, notBeforeMs, notAfterMs } = input;
  if (!SERIAL.test(serial) || serial > '7f'.padEnd(serial.length, 'f') || serial.startsWith('00')) {
    throw new CryptoError('bad-argument', 'a serial number is positive, of 8 to 20 bytes in lower-case hex');
  }
  if (!isTime(notBeforeMs) || !isTime(notAfterMs) || notBeforeMs >= notAfterMs) {
    throw new CryptoError('bad-argument', 'a certificate begins before it ends, between 1970 and 9999');
  }
  const x509 = await loadX509();
  const withSignature = (signature: Bytes): Promise<X509Certificate> =>
    x509.X509CertificateGenerator.create({
      serialNumber: serial,
      subject: new x509.Name(input.subject),
      issuer: new x509.Name(input.issuer),
      notBefore: new Date(wholeSecond(notBeforeMs)),
      notAfter: new Date(wholeSecond(notAfterMs)),
      publicKey: spkiOf(input.publicKey),
      extensions: [...input.extensions],
      signingAlgorithm: P256_SIGNATURE,
      signature,
    });
  const blank = await withSignature(new Uint8Array(SIGNATURE_BYTES).fill(1));
  const { tbs } = parseCertificate(toBase64url(new Uint8Array(blank.rawData)));
  const signature = signerFromPkcs8(input.issuerKey).signSync(tbs);
  const signed = await withSignature(new Uint8Array(signature));
  return toBase64url(new Uint8Array(signed.rawData));
}

function requireMember(request: CertificateRequest): void {
  const { ca, id, organisation, roles } = request;
  const rolesKnown = roles.length <= CERTIFICATE_ROLES_MAX && roles.every((role) => ROLE.test(role));
  if (!ID.test(id) || !rolesKnown) {
    throw new CryptoError('bad-argument', 'a member has an opaque id of 22 characters and at most 16 lower-case roles');
  }
  if (organisation !== ca.organisation) {
    throw new CryptoError('bad-argument', 'an authority certifies members of its own organisation');
  }
}

function keyOfCsr(csr: string, id: string): string {
  const parsed = parseCsr(csr);
  if (parsed.id !== id) throw new CryptoError('bad-certificate', 'the request is for another id');
  return parsed.publicKey;
}

/** The leftmost 160 bits of the SHA-256 of the point (RFC 7093 §2, method 1). */
export function keyIdentifierOf(publicKey: string): string {
  return hexOf(sha256(parsePublicKey(publicKey)).subarray(0, KEY_IDENTIFIER_BYTES));
}

function spkiOf(publicKey: string): Bytes {
  return concatBytes(fromHex(SPKI_PREFIX), parsePublicKey(publicKey));
}

function requireSubject(certificate: ParsedCertificate, oid: string): string {
  const value = subjectValue(certificate, oid);
  if (value === undefined) throw new CryptoError('bad-certificate', 'the authority has no single common name');
  return value;
}

function wholeSecond(ms: number): number {
  return ms - (ms % 1000);
}

function isTime(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0 && ms <= TIME_MS_MAX;
}

/** Dotted form of an OBJECT IDENTIFIER's content in hex; every arc of the profile's is below 128. */
function dotted(oid: string): string {
  const [first = 0, ...arcs] = fromHex(oid);
  return [Math.floor(first / 40), first % 40, ...arcs].join('.');
}

function fromHex(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
