import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromBase64url } from './bytes.ts';
import { type CertificateAuthority, createCa } from './certificate-authority.ts';
import { issueMachineCertificate, type MachineCertificateInput } from './machine-certificate.ts';
import { generateSigningKeySync } from './signature.ts';

const nowMs = Date.UTC(2026, 10, 21);
const { publicKey } = generateSigningKeySync();
let ca: CertificateAuthority;

beforeAll(async () => {
  ca = await createCa({ organisation: 'laboratory', commonName: 'tlsca.laboratory', nowMs, validDays: 30 });
});

async function issue(more: Partial<MachineCertificateInput>): Promise<X509Certificate> {
  const times = { notBeforeMs: nowMs, notAfterMs: nowMs + 86_400_000 };
  const input = { ca, commonName: 'peer0.laboratory', publicKey, ...times, ...more } as MachineCertificateInput;
  return new X509Certificate(fromBase64url(await issueMachineCertificate(input)));
}

describe('a machine certificate', () => {
  it('names the NodeOU of an MSP identity and chains to its authority', async () => {
    const certificate = await issue({ use: 'identity', unit: 'orderer' });
    expect(certificate.subject).toBe('CN=peer0.laboratory\nOU=orderer\nO=laboratory');
    expect(certificate.issuer).toBe('CN=tlsca.laboratory\nO=laboratory');
    const authority = new X509Certificate(fromBase64url(ca.certificate));
    expect(certificate.checkIssued(authority) && certificate.verify(authority.publicKey)).toBe(true);
    expect(certificate.subjectAltName).toBeUndefined();
  });

  it('names hosts and both uses in a TLS certificate', async () => {
    const certificate = await issue({ use: 'tls', hosts: ['peer.laboratory.example', '127.0.0.1', '::1'] });
    expect(certificate.checkHost('peer.laboratory.example')).toBe('peer.laboratory.example');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(certificate.checkHost('other.example')).toBeUndefined();
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(certificate.subject).not.toContain('OU=');
  });

  it('refuses a TLS certificate for no host and a name that is no machine’s', async () => {
    await expect(issue({ use: 'tls', hosts: [] })).rejects.toMatchObject({ code: 'bad-argument' });
    await expect(issue({ use: 'identity', unit: 'peer', commonName: 'Anna Rossi' })).rejects.toMatchObject({
      code: 'bad-argument',
    });
  });

  it('refuses to outlive its authority', async () => {
    const late = issue({ use: 'identity', unit: 'peer', notAfterMs: nowMs + 31 * 86_400_000 });
    await expect(late).rejects.toMatchObject({ code: 'bad-argument' });
  });
});
