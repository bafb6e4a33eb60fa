import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CertificateAuthority, createCa, toBase64url, toPem } from '@salus/crypto';
import type { OrganisationLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { writeIfChanged } from '../write-file.ts';
import { readSealedKey, type SealedKeyUse, writeSealedKey } from './sealed-key.ts';

/** Machines' certificates are renewed long before their authority ends. */
export const AUTHORITY_DAYS = 3650;
/** Clocks of the consortium's machines may differ by this much. */
export const CLOCK_SKEW_MS = 3_600_000;

/** An organisation's Fabric CA: one authority for MSP identities, one for TLS. */
export interface OrganisationAuthorities {
  readonly ca: CertificateAuthority;
  readonly tlsca: CertificateAuthority;
}

export type AuthorityUse = SealedKeyUse['use'];

export interface AuthorityInput {
  readonly organisation: string;
  readonly layout: OrganisationLayout;
  /** 32 bytes, from outside the directory: it seals the authorities' keys. */
  readonly masterKey: Uint8Array;
  readonly nowMs: number;
}

/** Opens the organisation's own authorities, made first where there are none. Keys lie sealed beside the certificates. */
export async function ensureAuthorities(input: AuthorityInput): Promise<OrganisationAuthorities> {
  return { ca: await ensureAuthority(input, 'ca'), tlsca: await ensureAuthority(input, 'tlsca') };
}

/** Opens one of the organisation's authorities, made first where there is none. */
export async function ensureAuthority(input: AuthorityInput, use: AuthorityUse): Promise<CertificateAuthority> {
  const { organisation, layout, masterKey, nowMs } = input;
  const certificateFile = join(layout.authorities, `${use}.pem`);
  const keyFile = join(layout.authorities, `${use}.key.sealed`);
  const sealing = { organisation, use, masterKey };
  if (existsSync(certificateFile)) {
    const certificate = derOfPem(readFileSync(certificateFile, 'utf8'), certificateFile);
    const privateKey = new Uint8Array(readSealedKey(keyFile, sealing));
    return { organisation, certificate, privateKey };
  }
  const ca = await createCa({
    organisation,
    commonName: `${use}.${organisation}`,
    nowMs: nowMs - CLOCK_SKEW_MS,
    validDays: AUTHORITY_DAYS,
  });
  writeSealedKey(keyFile, ca.privateKey, sealing);
  writeIfChanged(certificateFile, toPem('CERTIFICATE', ca.certificate));
  return ca;
}

/** The first block of a PEM text as base64url DER. Throws NetworkError `malformed`. */
export function derOfPem(pem: string, file: string): string {
  const body = /-----BEGIN [A-Z0-9 ]+-----\s([A-Za-z0-9+/=\s]+)-----END /.exec(pem)?.[1];
  if (body === undefined) throw new NetworkError('malformed', `${file} holds no PEM.`);
  return toBase64url(new Uint8Array(Buffer.from(body, 'base64')));
}
