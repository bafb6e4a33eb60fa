import { createCa, generateSigningKey, issueMachineCertificate, toBase64url, toPem } from '@salus/crypto';

const DAY_MS = 86_400_000;

/** A TLS authority for tests, and machines of `localhost` that it certifies: all PEM. */
export type TestAuthority = {
  readonly certificate: Buffer;
  issue(commonName: string): Promise<{ readonly certificate: Buffer; readonly key: Buffer }>;
};

export async function createTestAuthority(organisation: string): Promise<TestAuthority> {
  const nowMs = Date.now();
  const ca = await createCa({ organisation, nowMs: nowMs - DAY_MS, validDays: 10 });
  return {
    certificate: Buffer.from(toPem('CERTIFICATE', ca.certificate)),
    issue: async (commonName) => {
      const { publicKey, privateKey } = await generateSigningKey();
      const certificate = await issueMachineCertificate({
        ca,
        commonName,
        publicKey,
        notBeforeMs: nowMs - DAY_MS,
        notAfterMs: nowMs + DAY_MS,
        use: 'tls',
        hosts: ['localhost', '127.0.0.1'],
      });
      return {
        certificate: Buffer.from(toPem('CERTIFICATE', certificate)),
        key: Buffer.from(toPem('PRIVATE KEY', toBase64url(privateKey))),
      };
    },
  };
}

/** 128 random bits of a network. */
export function newNetwork(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(16)));
}
