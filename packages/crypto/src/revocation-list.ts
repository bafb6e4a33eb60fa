import { fromBase64url, toBase64url } from './bytes.ts';
import { type CertificateAuthority, keyIdentifierOf } from './certificate-authority.ts';
import { parseCertificate } from './certificate-profile.ts';
import { CryptoError } from './crypto-error.ts';
import { childrenOf, DER, parseDer, positiveHex, requireTag } from './der.ts';
import { loadX509 } from './x509.ts';

export type RevokedCertificate = { readonly serial: string; readonly revokedMs: number };

export const CRL_ENTRIES_MAX = 100_000;

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/**
 * A revocation list (RFC 5280 §5), which Fabric and `openssl` read; the contracts' own list decides. DER in base64url.
 * Throws `bad-argument` for more than 100,000 entries, a serial that is not hex, or times out of order.
 */
export async function createCrl(input: {
  readonly ca: CertificateAuthority;
  readonly revoked: readonly RevokedCertificate[];
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  /** Grows with every list of the authority. */
  readonly number: number;
}): Promise<string> {
  const { ca, revoked } = input;
  const wellFormed =
    revoked.length <= CRL_ENTRIES_MAX &&
    revoked.every(({ serial }) => /^(?:[0-9a-f]{2}){1,20}$/.test(serial)) &&
    input.thisUpdateMs < input.nextUpdateMs &&
    Number.isSafeInteger(input.number) &&
    input.number >= 0;
  if (!wellFormed) throw new CryptoError('bad-argument', 'a revocation list needs hex serials and ordered times');
  const x509 = await loadX509();
  const { publicKey } = parseCertificate(ca.certificate);
  const signingKey = await crypto.subtle.importKey('pkcs8', ca.privateKey, ALGORITHM, false, ['sign']);
  const crl = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(fromBase64url(ca.certificate)).subjectName,
    thisUpdate: new Date(input.thisUpdateMs),
    nextUpdate: new Date(input.nextUpdateMs),
    entries: revoked.map(({ serial, revokedMs }) => ({ serialNumber: serial, revocationDate: new Date(revokedMs) })),
    extensions: [
      new x509.AuthorityKeyIdentifierExtension(keyIdentifierOf(publicKey)),
      new x509.Extension('2.5.29.20', false, derInteger(input.number)),
    ],
    signingAlgorithm: ALGORITHM,
    signingKey,
  });
  return toBase64url(new Uint8Array(crl.rawData));
}

/**
 * Serials that a revocation list (DER) names, as `RevokedCertificate` has them. Signature and times are not looked at: for lists
 * that came with an agreed configuration. Throws `bad-certificate`.
 */
export function findRevokedSerials(der: Uint8Array): readonly string[] {
  const [list] = childrenOf(requireTag(parseDer(der), DER.sequence));
  // RFC 5280 §5.1: version?, signature, issuer, thisUpdate, nextUpdate?, revokedCertificates?, extensions?
  const members = childrenOf(requireTag(list, DER.sequence));
  const times = new Set<number>([DER.utcTime, DER.generalizedTime]);
  const revoked = members[members.findLastIndex(({ tag }) => times.has(tag)) + 1];
  if (revoked?.tag !== DER.sequence) return [];
  return childrenOf(revoked).map((entry) => positiveHex(childrenOf(requireTag(entry, DER.sequence))[0]));
}

/** INTEGER of a non-negative number below 2^53. */
function derInteger(value: number): Uint8Array<ArrayBuffer> {
  const hex = value.toString(16);
  const padded = hex.padStart(2 * Math.ceil(hex.length / 2), '0');
  const content = (padded >= '8' ? `00${padded}` : padded).match(/../g) ?? [];
  return Uint8Array.from([2, content.length, ...content.map((byte) => Number.parseInt(byte, 16))]);
}
