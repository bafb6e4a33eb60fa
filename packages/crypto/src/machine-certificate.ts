import { type CertificateAuthority, issueUnder, nameOf, newSerial } from './certificate-authority.ts';
import { CryptoError } from './crypto-error.ts';
import { loadX509 } from './x509.ts';

/** The roles that a Fabric MSP with NodeOUs tells apart by the OU of a certificate's subject. */
export type MachineUnit = 'admin' | 'client' | 'peer' | 'orderer';

export type MachineCertificateInput = {
  readonly ca: CertificateAuthority;
  /** `peer0.hospital-a`: a machine's name, never a person's. */
  readonly commonName: string;
  readonly publicKey: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
} & (
  | { readonly use: 'identity'; readonly unit: MachineUnit }
  /** DNS names and IP addresses under which the machine is reached: at least one. */
  | { readonly use: 'tls'; readonly hosts: readonly string[] }
);

const COMMON_NAME = /^[a-z0-9][a-z0-9.@-]{0,63}$/;
const HOSTS_MAX = 16;
const IP_ADDRESS = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)$/i;

/**
 * The certificate of a machine of a Fabric consortium, which never reaches Salus's ledger: either an MSP identity with its
 * NodeOU, or a TLS certificate for server and client (RFC 5280 §4.2.1.12) with its hosts. DER in base64url.
 * Throws `bad-argument`.
 */
export async function issueMachineCertificate(input: MachineCertificateInput): Promise<string> {
  const { ca, commonName, publicKey, notBeforeMs, notAfterMs } = input;
  if (!COMMON_NAME.test(commonName)) {
    throw new CryptoError('bad-argument', 'a machine is named by 1 to 64 small letters, digits, dots, dashes or @');
  }
  const { organisation } = ca;
  const end = { publicKey, serial: newSerial(), notBeforeMs, notAfterMs };
  if (input.use === 'identity') {
    const subject = nameOf({ commonName, unit: input.unit, organisation });
    return issueUnder(ca, { ...end, subject, extensions: [] });
  }
  return issueUnder(ca, {
    ...end,
    subject: nameOf({ commonName, organisation }),
    extensions: await tlsExtensions(input.hosts),
  });
}

async function tlsExtensions(hosts: readonly string[]) {
  if (hosts.length === 0 || hosts.length > HOSTS_MAX) {
    throw new CryptoError('bad-argument', `a TLS certificate names 1 to ${HOSTS_MAX} hosts`);
  }
  const x509 = await loadX509();
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const names = hosts.map((value) => ({ type: IP_ADDRESS.test(value) ? ('ip' as const) : ('dns' as const), value }));
  return [
    new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
    new x509.SubjectAlternativeNameExtension(names),
  ];
}
