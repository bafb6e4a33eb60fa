import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join, relative } from 'node:path';
import { generateSigningKeySync, toBase64url, toPem } from '@salus/crypto';
import { writePrivateFile } from '@salus/wallet/node';
import type { Organisation } from '../consortium/consortium.ts';
import type { OrganisationLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { writeIfChanged } from '../write-file.ts';
import type { MachineInput } from './machine-material.ts';
import { createMachineRequest } from './machine-request.ts';
import { type AuthorityCertificates, writeMspFolder } from './msp-folder.ts';

const CHAIN_LENGTH_MAX = 5;
const CERTIFICATES_MAX = 256;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** One certificate that the organisation's existing CA must answer, and what it must say. */
interface Wanted {
  readonly machine: MachineInput;
  readonly use: 'identity' | 'tls';
  readonly key: string;
  readonly certificate: string;
  readonly request: string;
}

/**
 * Demands that the organisation's CA has answered. Makes the keys and requests (PKCS #10) that are not there yet.
 * Throws NetworkError `certificates-missing`, which names the requests.
 */
export async function requireImported(
  organisation: Organisation,
  layout: OrganisationLayout,
  machines: readonly MachineInput[],
): Promise<void> {
  const open = wantedOf(layout, machines).filter(({ certificate }) => !existsSync(certificate));
  for (const wanted of open) await ensureRequest(organisation, wanted);
  if (open.length === 0) return;
  const files = open.map(({ request }) => relative(layout.folder, request)).join(', ');
  throw new NetworkError(
    'certificates-missing',
    `The CA of ${organisation.slug} has not answered yet. Let it certify these requests in ${layout.folder}, then run ` +
      `\`salus network import-certificates --org ${organisation.slug}\`: ${files}.`,
  );
}

export interface ImportInput {
  readonly organisation: Organisation;
  readonly layout: OrganisationLayout;
  readonly machines: readonly MachineInput[];
  /** PEM texts with the CA's answers, in any order. */
  readonly certificates: readonly string[];
  /** PEM of the CA for identities: root and what stands below it. */
  readonly authorities: string;
  /** PEM of the CA for TLS; it may be the same. */
  readonly tlsAuthorities: string;
  readonly nowMs: number;
}

/**
 * Takes an existing CA's answers: each must be for a key that was made here, chain to the given authorities, be valid now, and
 * name the role (OU) or the hosts of its machine. All of them or none. Returns the machines that are complete.
 * Throws NetworkError `bad-certificate`, `certificates-missing`.
 */
export async function importCertificates(input: ImportInput): Promise<readonly string[]> {
  const { organisation, layout, machines, nowMs } = input;
  const answers = input.certificates.flatMap((pem) => parsePem(pem));
  const chains = { identity: parsePem(input.authorities), tls: parsePem(input.tlsAuthorities) };
  const wanted = wantedOf(layout, machines);
  const found = wanted.flatMap((one) => {
    const answer = answers.find((certificate) => hasKey(certificate, one.key));
    return answer === undefined ? [] : [{ one, answer }];
  });
  const strangers = answers.filter((answer) => !found.some((pair) => pair.answer === answer));
  if (strangers.length > 0) throw refusal(`${strangers[0]?.subject ?? ''} is for no key that was made here`);
  for (const { one, answer } of found) requireAnswer({ one, answer, authorities: chains[one.use], nowMs });
  const authorities = split(chains.identity, chains.tls);
  writeMspFolder(layout.msp, authorities);
  for (const { layout: machine } of machines) {
    writeMspFolder(machine.msp, authorities);
    writeIfChanged(machine.tls.authority, chains.tls.map(String).join(''));
  }
  for (const { one, answer } of found) writeIfChanged(one.certificate, answer.toString());
  await requireImported(organisation, layout, machines);
  return machines.map(({ commonName }) => commonName);
}

function wantedOf(layout: OrganisationLayout, machines: readonly MachineInput[]): readonly Wanted[] {
  return machines.flatMap((machine): readonly Wanted[] => {
    const { msp, tls } = machine.layout;
    const request = (use: string): string => join(layout.folder, 'requests', `${machine.commonName}.${use}.csr`);
    return [
      {
        machine,
        use: 'identity',
        key: join(msp, 'keystore', 'key.pem'),
        certificate: join(msp, 'signcerts', 'cert.pem'),
        request: request('identity'),
      },
      { machine, use: 'tls', key: tls.key, certificate: tls.certificate, request: request('tls') },
    ];
  });
}

async function ensureRequest({ slug }: Organisation, { machine, use, key, request }: Wanted): Promise<void> {
  if (existsSync(key) && existsSync(request)) return;
  const signing = generateSigningKeySync();
  const subject = { commonName: machine.commonName, organisation: slug };
  const csr = await createMachineRequest(
    signing,
    use === 'identity' ? { ...subject, unit: machine.unit } : { ...subject, hosts: machine.hosts },
  );
  writePrivateFile(key, toPem('PRIVATE KEY', toBase64url(signing.privateKey)));
  writeIfChanged(request, toPem('CERTIFICATE REQUEST', csr));
}

interface Answer {
  readonly one: Wanted;
  readonly answer: X509Certificate;
  readonly authorities: readonly X509Certificate[];
  readonly nowMs: number;
}

function requireAnswer({ one, answer, authorities, nowMs }: Answer): void {
  const { machine, use } = one;
  requireChain(answer, authorities, nowMs);
  if (answer.ca) throw refusal(`${answer.subject} is an authority, not ${machine.commonName}`);
  if (use === 'identity') {
    const units = answer.subject.split('\n').filter((part) => part.startsWith('OU='));
    if (!units.includes(`OU=${machine.unit}`)) {
      throw refusal(`the identity of ${machine.commonName} has no OU=${machine.unit}, its role in a Fabric MSP`);
    }
    return;
  }
  const unnamed = machine.hosts.filter((host) => !(isIP(host) > 0 ? answer.checkIP(host) : answer.checkHost(host)));
  if (unnamed.length > 0) {
    throw refusal(`the TLS certificate of ${machine.commonName} does not name ${unnamed.join(', ')}`);
  }
  const uses: readonly string[] | undefined = answer.keyUsage;
  if (uses !== undefined && !(uses.includes(SERVER_AUTH) && uses.includes(CLIENT_AUTH))) {
    throw refusal(`the TLS certificate of ${machine.commonName} is not for server and client both`);
  }
}

function requireChain(certificate: X509Certificate, authorities: readonly X509Certificate[], nowMs: number): void {
  let current = certificate;
  for (let length = 0; length < CHAIN_LENGTH_MAX; length += 1) {
    if (nowMs < current.validFromDate.getTime() || nowMs > current.validToDate.getTime()) {
      throw refusal(`${current.subject} is not valid now`);
    }
    if (length > 0 && isSelfSigned(current)) return;
    const issuer = authorities.find((one) => one.ca && current.checkIssued(one) && current.verify(one.publicKey));
    if (issuer === undefined) throw refusal(`${current.subject} does not chain to the given authorities`);
    current = issuer;
  }
  throw refusal(`${certificate.subject} stands under more than ${CHAIN_LENGTH_MAX} authorities`);
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

function split(identity: readonly X509Certificate[], tls: readonly X509Certificate[]): AuthorityCertificates {
  const texts = (list: readonly X509Certificate[]): readonly string[] => list.map(String);
  return {
    roots: texts(identity.filter(isSelfSigned)),
    intermediates: texts(identity.filter((one) => !isSelfSigned(one))),
    tlsRoots: texts(tls.filter(isSelfSigned)),
    tlsIntermediates: texts(tls.filter((one) => !isSelfSigned(one))),
  };
}

function hasKey(certificate: X509Certificate, keyFile: string): boolean {
  if (!existsSync(keyFile)) return false;
  const own = createPublicKey(createPrivateKey(readFileSync(keyFile)));
  return own.equals(certificate.publicKey);
}

function parsePem(text: string): readonly X509Certificate[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length > CERTIFICATES_MAX) {
    throw refusal(`a file holds ${blocks.length} certificates in PEM, expected 1 to ${CERTIFICATES_MAX}`);
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw refusal('a file holds what is no X.509 certificate', cause);
  }
}

function refusal(why: string, cause?: unknown): NetworkError {
  return new NetworkError('bad-certificate', `The certificates are refused: ${why.replaceAll('\n', ', ')}.`, { cause });
}
