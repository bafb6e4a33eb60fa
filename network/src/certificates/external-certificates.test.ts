import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Organisation } from '../consortium/consortium.ts';
import { networkLayout } from '../layout.ts';
import { importCertificates, requireImported } from './external-certificates.ts';
import { machinesOf } from './organisation-material.ts';

const organisation: Organisation = {
  slug: 'laboratory',
  name: 'Laboratory',
  host: 'fabric.laboratory.example',
  certificates: 'external',
  peers: [{ name: 'peer0', port: 7051, chaincodePort: 7052, operationsPort: 7053 }],
  orderers: [],
  chaincode: { port: 7057 },
  node: undefined,
};

/** Another implementation of a CA. */
const program = 'openssl';
const isThere = spawnSync(program, ['version']).status === 0;

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-external-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function openssl(...args: readonly string[]): string {
  return execFileSync(program, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function newCa(name: string): string {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', `${name}.key`];
  openssl('req', '-x509', ...key, '-out', `${name}.pem`, '-days', '30', '-subj', `/O=Laboratory/CN=${name}`);
  return readFileSync(join(folder, `${name}.pem`), 'utf8');
}

/** Certifies a request as it stands, or with another subject or other extensions. */
function answer(ca: string, csr: string, change: { readonly subject?: string; readonly extensions?: string } = {}) {
  const extensions = join(folder, 'extensions');
  writeFileSync(extensions, change.extensions ?? '');
  const subject = change.subject === undefined ? [] : ['-subj', change.subject];
  const own = change.extensions === undefined ? ['-copy_extensions', 'copy'] : ['-extfile', extensions];
  const from = ['-in', csr, '-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial', '-days', '20'];
  return openssl('x509', '-req', ...from, ...subject, ...own);
}

const layout = () => networkLayout(join(folder, 'network')).organisation('laboratory');
const machines = () => machinesOf(organisation, layout());

async function requests(): Promise<readonly string[]> {
  await expect(requireImported(organisation, layout(), machines())).rejects.toMatchObject({
    code: 'certificates-missing',
    message: expect.stringContaining('requests/peer0.laboratory.identity.csr'),
  });
  const where = join(layout().folder, 'requests');
  return readdirSync(where)
    .sort()
    .map((name) => join(where, name));
}

function take(certificates: readonly string[], authorities: string, nowMs = Date.now()) {
  const input = { organisation, layout: layout(), machines: machines(), certificates };
  return importCertificates({ ...input, authorities, tlsAuthorities: authorities, nowMs });
}

describe.runIf(isThere)('certificates of an existing CA', () => {
  it('are asked for with one request for identity and one for TLS of each machine, and imported', async () => {
    const ca = newCa('ca');
    const files = await requests();
    expect(files).toHaveLength(6);
    expect(await requests()).toEqual(files);
    const text = openssl('req', '-in', files.find((file) => file.includes('peer0.laboratory.tls'))!, '-noout', '-text');
    expect(text).toContain('DNS:fabric.laboratory.example, DNS:localhost, IP Address:127.0.0.1');
    const answers = files.map((file) => answer('ca', file));
    expect(await take(answers, ca)).toEqual(['peer0.laboratory', 'admin@laboratory', 'node@laboratory']);
    await requireImported(organisation, layout(), machines());
    const { msp } = layout().peer('peer0');
    expect(readdirSync(join(msp, 'cacerts'))).toEqual(['ca.pem']);
    expect(statSync(join(msp, 'keystore', 'key.pem')).mode & 0o077).toBe(0);
  });

  it('may come from an intermediate authority, which goes into the MSP as such', async () => {
    const root = newCa('root');
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'below.key'];
    openssl('req', ...key, '-out', 'below.csr', '-subj', '/O=Laboratory/CN=below');
    const extensions = 'basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n';
    const below = answer('root', 'below.csr', { extensions });
    writeFileSync(join(folder, 'below.pem'), below);
    const answers = (await requests()).map((file) => answer('below', file));
    await take(answers, root + below);
    expect(readdirSync(join(layout().msp, 'intermediatecerts'))).toEqual(['intermediate.pem']);
    await expect(take(answers, below)).rejects.toMatchObject({ code: 'bad-certificate' });
  });

  it('are refused from another authority, out of time, for a foreign key, role or host', async () => {
    const ca = newCa('ca');
    const other = newCa('other');
    const files = await requests();
    const answers = files.map((file) => answer('ca', file));
    const identity = files.findIndex((file) => file.includes('peer0.laboratory.identity'));
    const tls = files.findIndex((file) => file.includes('peer0.laboratory.tls'));
    const with_ = (at: number, pem: string) => answers.map((one, index) => (index === at ? pem : one));
    const year = Date.now() + 365 * 86_400_000;
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'x.key',
      '-out',
      'x.csr',
      '-subj',
      '/CN=x',
    );
    const refusals: readonly (readonly [Promise<unknown>, RegExp])[] = [
      [take(answers, other), /does not chain/],
      [take(answers, ca, year), /not valid now/],
      [take([...answers, answer('ca', 'x.csr')], ca), /no key that was made here/],
      [take(with_(identity, answer('ca', files[identity]!, { subject: '/CN=peer0/OU=admin' })), ca), /no OU=peer/],
      [
        take(with_(tls, answer('ca', files[tls]!, { extensions: 'subjectAltName=DNS:localhost,IP:127.0.0.1' })), ca),
        /does not name fabric\.laboratory\.example/,
      ],
      [take(['no pem'], ca), /holds 0 certificates/],
    ];
    for (const [refused, message] of refusals) {
      await expect(refused).rejects.toMatchObject({ code: 'bad-certificate', message: expect.stringMatching(message) });
    }
    await expect(take(answers.slice(1), ca)).rejects.toMatchObject({ code: 'certificates-missing' });
  });
});
