import { isIP } from 'node:net';
import { fromBase64url, type SigningKey, toBase64url } from '@salus/crypto';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface MachineSubject {
  readonly commonName: string;
  readonly organisation: string;
  /** The NodeOU of an MSP identity. */
  readonly unit?: string;
  /** The hosts of a TLS certificate. */
  readonly hosts?: readonly string[];
}

/** A certificate request (PKCS #10) for a machine, signed by its own key: DER in base64url. */
export async function createMachineRequest(key: SigningKey, subject: MachineSubject): Promise<string> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  const keys = {
    privateKey: await crypto.subtle.importKey('pkcs8', key.privateKey, ALGORITHM, false, ['sign']),
    publicKey: await crypto.subtle.importKey('raw', fromBase64url(key.publicKey), ALGORITHM, true, ['verify']),
  };
  const { commonName, unit, organisation, hosts } = subject;
  const text = (value: string) => [{ utf8String: value }];
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: new x509.Name([
      { CN: text(commonName) },
      ...(unit === undefined ? [] : [{ OU: text(unit) }]),
      { O: text(organisation) },
    ]),
    keys,
    signingAlgorithm: ALGORITHM,
    extensions:
      hosts === undefined
        ? []
        : [
            new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
            new x509.SubjectAlternativeNameExtension(
              hosts.map((value) => ({ type: isIP(value) > 0 ? ('ip' as const) : ('dns' as const), value })),
            ),
          ],
  });
  return toBase64url(new Uint8Array(request.rawData));
}
