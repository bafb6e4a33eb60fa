import { createCa, issueCertificate, verifyCertificate } from '@salus/crypto';
import type { MemberKind } from '../src/context.ts';
import { testKey } from './keys.ts';

export { verifyCertificate };

export type Subject = {
  readonly id: string;
  readonly organisation: string;
  readonly kind: MemberKind;
  readonly roles: readonly string[];
  readonly publicKey: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
};

export type Authority = {
  readonly organisation: string;
  readonly certificate: string;
  /** A chain, leaf first. A subject of another organisation makes the authority forge that organisation's with its own key. */
  issue(subject: Subject): Promise<readonly string[]>;
};

const VALID_DAYS = 3650;
/** Certificates by what they say, since most tests found the same network and a certificate takes longer than a call. */
const issued = new Map<string, Promise<string>>();

/** An X.509 authority whose key depends on the label alone. */
export async function createAuthority(organisation: string, label: string, fromMs: number): Promise<Authority> {
  const ca = await authorityOf(organisation, label, fromMs);
  return {
    organisation,
    certificate: ca.certificate,
    issue: async (subject) => {
      const issuer =
        subject.organisation === organisation ? ca : await authorityOf(subject.organisation, label, fromMs);
      const name = JSON.stringify([label, fromMs, subject]);
      const certificate = issued.get(name) ?? issueCertificate({ ca: issuer, ...subject });
      issued.set(name, certificate);
      return [await certificate];
    },
  };
}

const authorities = new Map<string, ReturnType<typeof createCa>>();

function authorityOf(organisation: string, label: string, nowMs: number): ReturnType<typeof createCa> {
  const { publicKey, privateKey } = testKey(`authority ${label}`);
  const name = JSON.stringify([organisation, label, nowMs]);
  const key = { publicKey, privateKey: new Uint8Array(privateKey) };
  const ca = authorities.get(name) ?? createCa({ organisation, nowMs, validDays: VALID_DAYS, key });
  authorities.set(name, ca);
  return ca;
}
