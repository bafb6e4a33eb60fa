import { expect } from 'vitest';
import { randomBytes, toBase64url } from '../src/bytes.ts';
import type { MemberKind } from '../src/certificate.ts';
import { type CertificateAuthority, createCa, issueCertificate } from '../src/certificate-authority.ts';
import { generateSigningKeySync, type SigningKey } from '../src/signature.ts';

export const NOW_MS = Date.UTC(2026, 10, 21, 12);
export const DAY_MS = 86_400_000;

/** A CryptoError with this code, as `toThrow` and `rejects` compare it. */
export const code = (name: string): unknown => expect.objectContaining({ name: 'CryptoError', code: name });
export const newId = (): string => toBase64url(randomBytes(16));

/** A hospital's authority, and one member of its staff. */
export interface HospitalCa {
  readonly ca: CertificateAuthority;
  readonly roots: readonly string[];
  readonly id: string;
  readonly key: SigningKey;
  /** The member's certificate, for a year from `NOW_MS`. */
  issue(change?: {
    readonly kind?: MemberKind;
    readonly roles?: readonly string[];
    readonly serial?: string;
  }): Promise<string>;
}

export async function openHospitalCa(): Promise<HospitalCa> {
  const ca = await createCa({ organisation: 'hospital-a', nowMs: NOW_MS, validDays: 3650 });
  const [id, key] = [newId(), generateSigningKeySync()];
  return {
    ...{ ca, roots: [ca.certificate], id, key },
    issue: (change = {}) =>
      issueCertificate({
        ...{ ca, publicKey: key.publicKey, id, organisation: 'hospital-a', kind: 'staff' },
        ...{ roles: ['clinician', 'registrar'], notBeforeMs: NOW_MS, notAfterMs: NOW_MS + 365 * DAY_MS },
        ...change,
      }),
  };
}
