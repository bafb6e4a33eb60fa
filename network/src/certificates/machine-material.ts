import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CertificateAuthority,
  generateSigningKeySync,
  issueMachineCertificate,
  type MachineUnit,
  toBase64url,
  toPem,
} from '@salus/crypto';
import { writePrivateFile } from '@salus/wallet/node';
import type { MachineLayout, TlsLayout } from '../layout.ts';
import { writeIfChanged } from '../write-file.ts';
import { CLOCK_SKEW_MS, type OrganisationAuthorities } from './authorities.ts';
import { type AuthorityCertificates, writeMspFolder } from './msp-folder.ts';

export const MACHINE_DAYS = 1825;
const DAY_MS = 86_400_000;

export interface Issuing {
  readonly authorities: OrganisationAuthorities;
  readonly nowMs: number;
}

export interface TlsIssuing {
  readonly authority: CertificateAuthority;
  readonly nowMs: number;
}

export interface MachineInput {
  readonly layout: MachineLayout;
  /** `peer0.hospital-a`. */
  readonly commonName: string;
  readonly unit: MachineUnit;
  /** Names under which it is reached. */
  readonly hosts: readonly string[];
}

/** A local MSP and TLS files of one machine or user, from the organisation's own authorities; what is there stays. */
export async function ensureMachine(input: MachineInput, { authorities, nowMs }: Issuing): Promise<void> {
  const { layout, commonName, unit, hosts } = input;
  const { msp } = layout;
  writeMspFolder(msp, authorityCertificates(authorities));
  const certificateFile = join(msp, 'signcerts', 'cert.pem');
  if (!existsSync(certificateFile)) {
    const { publicKey, privateKey } = generateSigningKeySync();
    const request = { ca: authorities.ca, commonName, publicKey, use: 'identity', unit, ...times(nowMs) } as const;
    const certificate = await issueMachineCertificate(request);
    writePrivateFile(join(msp, 'keystore', 'key.pem'), keyPem(privateKey));
    writeIfChanged(certificateFile, toPem('CERTIFICATE', certificate));
  }
  await ensureTls({ layout: layout.tls, commonName, hosts }, { authority: authorities.tlsca, nowMs });
}

export interface TlsInput {
  readonly layout: TlsLayout;
  readonly commonName: string;
  readonly hosts: readonly string[];
}

/** Key and certificate for TLS as server and client, from the given authority; what is there stays. */
export async function ensureTls(
  { layout, commonName, hosts }: TlsInput,
  { authority, nowMs }: TlsIssuing,
): Promise<void> {
  writeIfChanged(layout.authority, toPem('CERTIFICATE', authority.certificate));
  if (existsSync(layout.certificate)) return;
  const { publicKey, privateKey } = generateSigningKeySync();
  const request = { ca: authority, commonName, publicKey, use: 'tls', hosts, ...times(nowMs) } as const;
  const certificate = await issueMachineCertificate(request);
  writePrivateFile(layout.key, keyPem(privateKey));
  writeIfChanged(layout.certificate, toPem('CERTIFICATE', certificate));
}

/** The certificates that a verifier of the organisation needs, as PEM. */
export function authorityCertificates({ ca, tlsca }: OrganisationAuthorities): AuthorityCertificates {
  return {
    roots: [toPem('CERTIFICATE', ca.certificate)],
    intermediates: [],
    tlsRoots: [toPem('CERTIFICATE', tlsca.certificate)],
    tlsIntermediates: [],
  };
}

function times(nowMs: number): { readonly notBeforeMs: number; readonly notAfterMs: number } {
  return { notBeforeMs: nowMs - CLOCK_SKEW_MS, notAfterMs: nowMs + MACHINE_DAYS * DAY_MS };
}

function keyPem(privateKey: Uint8Array): string {
  return toPem('PRIVATE KEY', toBase64url(privateKey));
}
