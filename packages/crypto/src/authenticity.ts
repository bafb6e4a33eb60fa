import { findPath } from './certificate.ts';
import { type CertificateAuthority, issueUnder, nameOf, newSerial } from './certificate-authority.ts';
import { OID, type ParsedCertificate, subjectValue } from './certificate-profile.ts';
import { CryptoError } from './crypto-error.ts';

/**
 * A Certificate of Authenticity: name and licence of a member, for people, beside the member's own certificate, which
 * carries no name. It is an ordinary X.509 certificate that `openssl verify` accepts against the organisation's
 * authority, without the attributes of a member: it never verifies as one, and never reaches the ledger.
 */
export type AuthenticityFacts = {
  /** The member's opaque id. */
  readonly id: string;
  readonly name: string;
  readonly licence: string;
  readonly organisation: string;
  /** The member's key. */
  readonly publicKey: string;
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
};

export const AUTHENTICITY_NAME_MAX = 64;
export const AUTHENTICITY_LICENCE_MAX = 128;
/** The organisational unit that tells it from a member's certificate. */
export const AUTHENTICITY_UNIT = 'authenticity';

const QR_PREFIX = 'SALUS-AUTHENTICITY:1:';

/** Issues one: CN=<name>, serialNumber=<id>, description=<licence>, OU=authenticity, O=<organisation>. Throws `bad-argument`. */
export async function issueAuthenticityCertificate(input: {
  readonly ca: CertificateAuthority;
  readonly id: string;
  readonly name: string;
  readonly licence: string;
  readonly publicKey: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly serial?: string;
}): Promise<string> {
  const { ca, id, name, licence } = input;
  const wellFormed =
    /^[A-Za-z0-9_-]{22}$/.test(id) && isLine(name, AUTHENTICITY_NAME_MAX) && isLine(licence, AUTHENTICITY_LICENCE_MAX);
  if (!wellFormed) throw new CryptoError('bad-argument', 'a name and a licence are one line each');
  return issueUnder(ca, {
    subject: nameOf({
      commonName: name,
      serialNumber: id,
      description: licence,
      unit: AUTHENTICITY_UNIT,
      organisation: ca.organisation,
    }),
    publicKey: input.publicKey,
    serial: input.serial ?? newSerial(),
    notBeforeMs: input.notBeforeMs,
    notAfterMs: input.notAfterMs,
    extensions: [],
  });
}

/** What the certificate says when one of `roots` issued it and it is valid at `atMs`; undefined for anything else. */
export function verifyAuthenticity(input: {
  readonly certificate: string;
  readonly roots: readonly string[];
  readonly atMs: number;
}): AuthenticityFacts | undefined {
  const [leaf] = findPath({ chain: [input.certificate], roots: input.roots, atMs: input.atMs }) ?? [];
  return leaf === undefined ? undefined : findFacts(leaf);
}

/** The text of the QR code on a printed certificate; it holds all that offline verification needs but the root. */
export function authenticityQrText(certificate: string): string {
  return `${QR_PREFIX}${certificate}`;
}

/** The certificate in a scanned text, not yet verified; undefined when the text is not of this kind. */
export function findAuthenticityQr(text: string): string | undefined {
  const certificate = text.startsWith(QR_PREFIX) ? text.slice(QR_PREFIX.length) : '';
  return /^[A-Za-z0-9_-]{1,8192}$/.test(certificate) ? certificate : undefined;
}

function findFacts(leaf: ParsedCertificate): AuthenticityFacts | undefined {
  const id = subjectValue(leaf, OID.serialNumber);
  const name = subjectValue(leaf, OID.commonName);
  const licence = subjectValue(leaf, OID.description);
  const organisation = subjectValue(leaf, OID.organisation);
  if (id === undefined || name === undefined || licence === undefined || organisation === undefined) return undefined;
  if (subjectValue(leaf, OID.organisationalUnit) !== AUTHENTICITY_UNIT) return undefined;
  const { publicKey, serial, notBeforeMs, notAfterMs } = leaf;
  return { id, name, licence, organisation, publicKey, serial, notBeforeMs, notAfterMs };
}

/** Control characters could forge lines in what `openssl` or a scanner prints. */
function isLine(text: string, charactersMax: number): boolean {
  return text.length > 0 && text.length <= charactersMax && text.isWellFormed() && !/\p{C}/u.test(text);
}
