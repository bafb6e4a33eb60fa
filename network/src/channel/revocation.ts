import { X509Certificate } from 'node:crypto';
import { type CertificateAuthority, createCrl, fromBase64url } from '@salus/crypto';
import { NetworkError } from '../network-error.ts';

/** A certificate that an organisation takes back: its serial number in lower-case hex. */
export type RevokedSerial = { readonly serial: string; readonly revokedMs: number };

export type RevocationListRequest = {
  /** The Fabric CA that issued the certificates. */
  readonly ca: CertificateAuthority;
  /** All of them, those of earlier lists included: a list replaces the one before. */
  readonly revoked: readonly RevokedSerial[];
  readonly nowMs: number;
};

/** Read by others than Fabric, which does not judge a list by its age. */
const NEXT_UPDATE_MS = 365 * 86_400_000;
/** The list begins a little before now, for the clocks of other hosts. */
const SKEW_MS = 60_000;
/** Fabric looks for PEM blocks of this label. */
const LABEL = 'X509 CRL';
const LINE = 64;

/**
 * A revocation list of an organisation's Fabric CA (RFC 5280 §5), PEM. Its number is the time in ms, so it grows.
 * Throws `bad-input`.
 */
export async function createRevocationList({ ca, revoked, nowMs }: RevocationListRequest): Promise<string> {
  try {
    const times = { thisUpdateMs: nowMs - SKEW_MS, nextUpdateMs: nowMs + NEXT_UPDATE_MS };
    const crl = await createCrl({ ca, revoked, ...times, number: nowMs });
    const lines =
      Buffer.from(fromBase64url(crl))
        .toString('base64')
        .match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
    return [`-----BEGIN ${LABEL}-----`, ...lines, `-----END ${LABEL}-----`, ''].join('\n');
  } catch (cause) {
    throw new NetworkError('bad-input', 'a revocation list needs serial numbers in lower-case hex', { cause });
  }
}

/** The serial number of a certificate (PEM), as `createRevocationList` takes it. Throws `bad-input`. */
export function serialOf(certificate: string): string {
  try {
    return new X509Certificate(certificate).serialNumber.toLowerCase();
  } catch (cause) {
    throw new NetworkError('bad-input', 'what should be revoked is no certificate in PEM', { cause });
  }
}

/** What a revocation list (PEM) takes back, and who issued it. Throws `malformed`. */
export async function readRevocationList(
  pem: string,
): Promise<{ readonly issuer: string; readonly revoked: readonly RevokedSerial[] }> {
  await import('reflect-metadata');
  const { X509Crl } = await import('@peculiar/x509');
  try {
    const crl = new X509Crl(pem);
    return {
      issuer: crl.issuer,
      revoked: crl.entries.map((entry) => ({
        serial: entry.serialNumber.toLowerCase(),
        revokedMs: entry.revocationDate.getTime(),
      })),
    };
  } catch (cause) {
    throw new NetworkError('malformed', 'a revocation list of the channel cannot be read', { cause });
  }
}
