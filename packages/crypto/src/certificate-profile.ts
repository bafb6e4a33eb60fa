import { type Bytes, equalBytes, fromBase64url, fromUtf8 } from './bytes.ts';
import { CryptoError } from './crypto-error.ts';
import {
  childrenOf,
  DER,
  type DerElement,
  findP1363,
  hexOf,
  parseDer,
  positiveHex,
  requireTag,
  timeMs,
} from './der.ts';
import { publicKeyText } from './p256.ts';
import { findVerifier } from './signature.ts';

/** A certificate on the ledger is at most this long. */
export const CERTIFICATE_BYTES_MAX = 6144;
/** RFC 5280 §4.1.2.2. */
const SERIAL_BYTES_MAX = 20;

/** Contents of the OBJECT IDENTIFIERs of the profile, in hex. */
export const OID = {
  commonName: '550403',
  serialNumber: '550405',
  organisation: '55040a',
  organisationalUnit: '55040b',
  description: '55040d',
  subjectKeyIdentifier: '551d0e',
  authorityKeyIdentifier: '551d23',
  keyUsage: '551d0f',
  basicConstraints: '551d13',
  /** 1.2.3.4.5.6.7.8.1, where Fabric CA puts attributes and Fabric's `cid` reads them. */
  fabricAttributes: '2a03040506070801',
} as const;

/** SubjectPublicKeyInfo of P-256 up to the point, and AlgorithmIdentifier ecdsa-with-SHA256 (RFC 5758 §3.2). */
export const SPKI_PREFIX = '3059301306072a8648ce3d020106082a8648ce3d030107034200';
const ECDSA_WITH_SHA256 = '300a06082a8648ce3d040302';
/** Extensions whose meaning is checked, so that they may be critical. */
const UNDERSTOOD: ReadonlySet<string> = new Set([OID.keyUsage, OID.basicConstraints]);

export type NameAttribute = { readonly oid: string; readonly value: string };

/** An X.509 v3 certificate (RFC 5280) with a P-256 key, signed by ecdsa-with-SHA256. */
export type ParsedCertificate = {
  readonly tbs: Uint8Array;
  /** r ‖ s. */
  readonly signature: Bytes;
  /** Lower-case hex without sign byte. */
  readonly serial: string;
  readonly issuerName: Uint8Array;
  readonly subjectName: Uint8Array;
  readonly subject: readonly NameAttribute[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: string;
  readonly authority: boolean;
  /** Authorities that may stand below this one; undefined without a limit. */
  readonly pathLengthMax: number | undefined;
  readonly mayCertify: boolean;
  readonly maySign: boolean;
  /** Values of the other extensions by OID. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
};

/** Parses DER in base64url; anything outside the profile throws `bad-certificate` or `bad-encoding`. */
export function parseCertificate(certificate: string): ParsedCertificate {
  if (certificate.length > Math.ceil((CERTIFICATE_BYTES_MAX * 4) / 3)) throw outside('a certificate of bounded size');
  const [tbs, algorithm, signature, ...rest] = childrenOf(
    requireTag(parseDer(fromBase64url(certificate)), DER.sequence),
  );
  if (rest.length > 0) throw outside('a certificate of three parts');
  return {
    tbs: requireTag(tbs, DER.sequence).raw,
    signature: readSignature(algorithm, signature),
    ...readTbs(childrenOf(requireTag(tbs, DER.sequence))),
  };
}

/** True when the issuer's key signed the certificate; S may be of either half, as other authorities make it. */
export function isSignedBy(certificate: ParsedCertificate, issuer: ParsedCertificate): boolean {
  return findVerifier(issuer.publicKey)?.(certificate.tbs, certificate.signature) ?? false;
}

/** The only value of an attribute of the subject; undefined where there is none or more than one. */
export function subjectValue(certificate: ParsedCertificate, oid: string): string | undefined {
  const values = certificate.subject.filter((attribute) => attribute.oid === oid);
  return values.length === 1 ? values[0]?.value : undefined;
}

/** Name chaining by bytes: an authority copies its own subject into what it issues. */
export function isNamedIssuer(certificate: ParsedCertificate, issuer: ParsedCertificate): boolean {
  return equalBytes(certificate.issuerName, issuer.subjectName);
}

/** The public key of a SubjectPublicKeyInfo on P-256. */
export function readPublicKey(spki: DerElement | undefined): string {
  const { raw } = requireTag(spki, DER.sequence);
  const prefixBytes = SPKI_PREFIX.length / 2;
  const publicKey = publicKeyText(raw.subarray(prefixBytes));
  if (hexOf(raw.subarray(0, prefixBytes)) !== SPKI_PREFIX || findVerifier(publicKey) === undefined) {
    throw outside('an uncompressed point on P-256');
  }
  return publicKey;
}

/** r ‖ s of an ecdsa-with-SHA256 signature in X.509 form. */
export function readSignature(algorithm: DerElement | undefined, signature: DerElement | undefined): Bytes {
  const bits = requireTag(signature, DER.bitString).content;
  const p1363 = bits[0] === 0 ? findP1363(bits.subarray(1)) : undefined;
  if (p1363 === undefined || hexOf(algorithm?.raw ?? bits) !== ECDSA_WITH_SHA256) throw outside('ecdsa-with-SHA256');
  return p1363;
}

/** The attributes of a Name whose relative names have one attribute each. */
export function readName(name: DerElement | undefined): readonly NameAttribute[] {
  return childrenOf(requireTag(name, DER.sequence)).map((relative) => {
    const [attribute, ...others] = childrenOf(requireTag(relative, DER.set));
    const [oid, value, ...rest] = childrenOf(requireTag(attribute, DER.sequence));
    const text = value?.tag === DER.utf8String || value?.tag === DER.printableString;
    if (value === undefined || !text || others.length + rest.length > 0)
      throw outside('a name of single text attributes');
    return { oid: hexOf(requireTag(oid, DER.oid).content), value: fromUtf8(value.content) };
  });
}

const VERSION_3 = 'a003020102';
const EXTENSIONS_TAG = 0xa3;

type Tbs = Omit<ParsedCertificate, 'tbs' | 'signature'>;

function readTbs(parts: readonly DerElement[]): Tbs {
  const [version, serial, algorithm, issuer, validity, subject, spki, extensions, ...rest] = parts;
  const known =
    hexOf(version?.raw ?? new Uint8Array(0)) === VERSION_3 &&
    hexOf(algorithm?.raw ?? new Uint8Array(0)) === ECDSA_WITH_SHA256 &&
    rest.length === 0;
  if (!known) throw outside('version 3 with ecdsa-with-SHA256');
  const [notBefore, notAfter, ...moreTimes] = childrenOf(requireTag(validity, DER.sequence));
  if (moreTimes.length > 0) throw outside('two times of validity');
  const serialHex = positiveHex(serial);
  if (serialHex.length > 2 * SERIAL_BYTES_MAX) throw outside('a serial number of at most 20 bytes');
  return {
    serial: serialHex,
    issuerName: requireTag(issuer, DER.sequence).raw,
    subjectName: requireTag(subject, DER.sequence).raw,
    subject: readName(subject),
    notBeforeMs: timeMs(notBefore),
    notAfterMs: timeMs(notAfter),
    publicKey: readPublicKey(spki),
    ...readUsage(readExtensions(requireTag(extensions, EXTENSIONS_TAG))),
  };
}

function readExtensions(wrapper: DerElement): ReadonlyMap<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  for (const extension of childrenOf(requireTag(parseDer(wrapper.content), DER.sequence))) {
    const [oid, ...parts] = childrenOf(requireTag(extension, DER.sequence));
    const id = hexOf(requireTag(oid, DER.oid).content);
    const critical = parts.length === 2;
    if (critical && hexOf(parts[0]?.raw ?? new Uint8Array(0)) !== '0101ff') throw outside('a DER boolean');
    if (critical && !UNDERSTOOD.has(id)) throw outside('no critical extension that is not understood');
    if (parts.length > 2 || values.has(id)) throw outside('each extension once');
    values.set(id, requireTag(parts.at(-1), DER.octetString).content);
  }
  return values;
}

type Usage = Pick<Tbs, 'authority' | 'pathLengthMax' | 'mayCertify' | 'maySign' | 'extensions'>;

function readUsage(extensions: ReadonlyMap<string, Uint8Array>): Usage {
  const bits = readKeyUsage(extensions.get(OID.keyUsage));
  return {
    ...readBasicConstraints(extensions.get(OID.basicConstraints)),
    // RFC 5280 §4.2.1.3: bit 0 is digitalSignature, bit 5 keyCertSign.
    maySign: (bits & 0x80) !== 0,
    mayCertify: (bits & 0x04) !== 0,
    extensions,
  };
}

function readBasicConstraints(value: Uint8Array | undefined): Pick<Tbs, 'authority' | 'pathLengthMax'> {
  if (value === undefined) return { authority: false, pathLengthMax: undefined };
  const [authority, pathLength, ...rest] = childrenOf(requireTag(parseDer(value), DER.sequence));
  if (authority === undefined) return { authority: false, pathLengthMax: undefined };
  if (hexOf(authority.raw) !== '0101ff' || rest.length > 0) throw outside('basic constraints in DER');
  if (pathLength === undefined) return { authority: true, pathLengthMax: undefined };
  const [length, ...more] = requireTag(pathLength, DER.integer).content;
  if (length === undefined || length > 127 || more.length > 0) throw outside('a short path length');
  return { authority: true, pathLengthMax: length };
}

/** The first byte of the bit string; without the extension nothing is allowed, which is stricter than RFC 5280. */
function readKeyUsage(value: Uint8Array | undefined): number {
  if (value === undefined) return 0;
  const { content } = requireTag(parseDer(value), DER.bitString);
  if (content.length < 2 || content.length > 3 || (content[0] ?? 8) > 7) throw outside('key usage in DER');
  return content[1] ?? 0;
}

function outside(expected: string): CryptoError {
  return new CryptoError('bad-certificate', `expected ${expected}`);
}
