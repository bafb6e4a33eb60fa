import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DAY_MS, NOW_MS, openHospitalCa } from '../test/hospital-ca.ts';
import { issueAuthenticityCertificate } from './authenticity.ts';
import { toBase64url } from './bytes.ts';
import { toPem, verifyCertificate } from './certificate.ts';
import { createCa } from './certificate-authority.ts';
import { parseCertificate } from './certificate-profile.ts';
import { createCsr } from './certificate-request.ts';
import { createCrl } from './revocation-list.ts';

const OPENSSL = 'openssl';

const { ca, id, key, issue } = await openHospitalCa();

/** `{"attrs":{"salus.kind":"staff","salus.roles":""}}` as the Fabric-CA extension. */
const ATTRIBUTES =
  '1.2.3.4.5.6.7.8.1=DER:7b226174747273223a7b2273616c75732e6b696e64223a227374616666222c2273616c75732e726f6c6573223a22227d7d';
/** As `ATTRIBUTES`, with `"hf.EnrollmentID":"Ada"`, which a Fabric CA adds. */
const NAMED_ATTRIBUTES =
  '1.2.3.4.5.6.7.8.1=DER:7b226174747273223a7b2268662e456e726f6c6c6d656e744944223a22416461222c2273616c75732e6b696e64223a227374616666222c2273616c75732e726f6c6573223a22227d7d';
const MEMBER = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature', ATTRIBUTES] as const;
const DEFAULTS = {
  subject: `/CN=${id}/OU=client/O=hospital-a`,
  extensions: MEMBER,
  key: ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
};

const openssl = findOpenssl();

describe('openssl', () => {
  const folder = mkdtempSync(join(tmpdir(), 'salus-openssl-'));
  const atTime = String(NOW_MS / 1000 + 60);
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it.runIf(openssl)('verifies member and authenticity certificates, and heeds the revocation list', async () => {
    const member = await issue({ roles: [] });
    const authenticity = await issueAuthenticityCertificate({
      ca,
      id,
      name: 'Dr. Ada Müller',
      licence: '123',
      publicKey: key.publicKey,
      notBeforeMs: NOW_MS,
      notAfterMs: NOW_MS + DAY_MS,
    });
    const { serial } = parseCertificate(member);
    const crl = await createCrl({
      ca,
      revoked: [{ serial, revokedMs: NOW_MS }],
      thisUpdateMs: NOW_MS,
      nextUpdateMs: NOW_MS + DAY_MS,
      number: 128,
    });
    write('ca.pem', toPem('CERTIFICATE', ca.certificate));
    write('member.pem', toPem('CERTIFICATE', member));
    write('authenticity.pem', toPem('CERTIFICATE', authenticity));
    write('crl.pem', toPem('X509 CRL', crl));
    const verify = ['verify', '-x509_strict', '-attime', atTime, '-CAfile', 'ca.pem'];
    expect(run(...verify, 'member.pem')).toContain('member.pem: OK');
    expect(run(...verify, 'authenticity.pem')).toContain('authenticity.pem: OK');
    const checked = [...verify, '-crl_check', '-CRLfile', 'crl.pem'];
    expect(run(...checked, 'authenticity.pem')).toContain('OK');
    expect(run(...checked, 'member.pem')).toMatch(/revoked/);
    expect(run('crl', '-in', 'crl.pem', '-noout', '-text', '-CAfile', 'ca.pem')).toMatch(
      /CRL Number[^\d]*128[\s\S]*verify OK/,
    );
  });

  it.runIf(openssl)('verifies a certificate request', async () => {
    write('csr.pem', toPem('CERTIFICATE REQUEST', await createCsr({ id, ...key })));
    expect(run('req', '-in', 'csr.pem', '-verify', '-noout')).toMatch(/OK/);
  });

  it.runIf(openssl)('makes certificates within the profile that verify, and others that are refused', async () => {
    const nowMs = Date.now();
    const live = await createCa({ organisation: 'hospital-a', nowMs: nowMs - 60_000, validDays: 10 });
    write('live.pem', toPem('CERTIFICATE', live.certificate));
    write('live.key', toPem('PRIVATE KEY', toBase64url(live.privateKey)));
    const factsOf = (name: string, change: Partial<Making> = {}): Promise<unknown> => {
      const certificate = make(name, { issuer: 'live', ...change });
      return verifyCertificate({ certificate, roots: [live.certificate], atMs: nowMs + 60_000 });
    };
    expect(await factsOf('good')).toMatchObject({ id, kind: 'staff', roles: [] });
    const subject = (text: string): Partial<Making> => ({ subject: text });
    const authority = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,digitalSignature,keyCertSign'];
    const refused = {
      'another curve': await factsOf('p384', { key: ['ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'] }),
      'another algorithm': await factsOf('rsa', { key: ['rsa:2048'] }),
      'an authority as member': await factsOf('ca2', { extensions: [...authority, ATTRIBUTES] }),
      'no key usage': await factsOf('usage', { extensions: [MEMBER[0], ATTRIBUTES] }),
      'usage without signing': await factsOf('usage2', {
        extensions: [MEMBER[0], 'keyUsage=keyAgreement', ATTRIBUTES],
      }),
      'an unknown critical extension': await factsOf('critical', {
        extensions: [...MEMBER, '1.2.3.4.5=critical,DER:0500'],
      }),
      'no attributes': await factsOf('attrs', { extensions: MEMBER.slice(0, 2) }),
      'attributes that are not JSON': await factsOf('attrs2', {
        extensions: [...MEMBER.slice(0, 2), '1.2.3.4.5.6.7.8.1=DER:7b22'],
      }),
      'another organisation': await factsOf('org', subject(`/CN=${id}/OU=client/O=hospital-b`)),
      'two organisations': await factsOf('org2', subject(`/CN=${id}/O=hospital-a/O=hospital-a`)),
      'a name beside the id': await factsOf('gn', subject(`/CN=${id}/GN=Ada/O=hospital-a`)),
      'a name in the unit': await factsOf('ou', subject(`/CN=${id}/OU=Ada Lovelace/O=hospital-a`)),
      'a unit above its roles': await factsOf('ou2', subject(`/CN=${id}/OU=admin/O=hospital-a`)),
      'two units': await factsOf('ou3', subject(`/CN=${id}/OU=client/OU=client/O=hospital-a`)),
      'an alternative name': await factsOf('san', { extensions: [...MEMBER, 'subjectAltName=email:ada@example.org'] }),
      'an attribute beside kind and roles': await factsOf('attrs3', {
        extensions: [...MEMBER.slice(0, 2), NAMED_ATTRIBUTES],
      }),
      'two names': await factsOf('cn2', subject(`/CN=${id}/CN=x/O=hospital-a`)),
    };
    for (const [what, facts] of Object.entries(refused)) expect(facts, what).toBeUndefined();
  });

  it.runIf(openssl)('makes chains that verify in order, to their root and within their path length', async () => {
    const usage = 'keyUsage=critical,keyCertSign,digitalSignature';
    const authority = (name: string, constraints: string, issuer: string): string =>
      make(name, {
        issuer,
        subject: `/CN=${name}/O=hospital-a`,
        extensions: [`basicConstraints=critical,${constraints}`, usage],
      });
    const root = authority('root', 'CA:TRUE', 'self');
    const upper = authority('upper', 'CA:TRUE,pathlen:0', 'root');
    const lower = authority('lower', 'CA:TRUE,pathlen:0', 'upper');
    const [member, tooDeep] = [make('member1', { issuer: 'upper' }), make('member2', { issuer: 'lower' })];
    const verify = (chain: readonly string[], roots: readonly string[]): Promise<unknown> =>
      verifyCertificate({ chain, roots, atMs: Date.now() + 60_000 });
    expect(await verify([member, upper], [root])).toMatchObject({ id });
    expect(await verify([member, upper, root], [root])).toMatchObject({ id });
    expect(await verify([member], [upper])).toMatchObject({ id });
    expect(await verify([tooDeep, lower], [upper])).toBeUndefined();
    expect(await verify([tooDeep, lower, upper], [root])).toBeUndefined();
    expect(await verify([tooDeep], [lower])).toMatchObject({ id });
    expect(await verify([member], [root])).toBeUndefined();
    expect(await verify([member, root, upper], [root])).toBeUndefined();
    expect(await verify([upper, root], [root])).toBeUndefined();
    expect(await verify([member, upper], [lower])).toBeUndefined();
  });

  type Making = {
    /** Name of the certificate and key that sign, or `self`. */
    readonly issuer: string;
    readonly subject: string;
    readonly extensions: readonly string[];
    readonly key: readonly string[];
  };

  function make(name: string, change: Partial<Making> & Pick<Making, 'issuer'>): string {
    const { issuer, subject, extensions, key: newKey } = { ...DEFAULTS, ...change };
    const [csr, pem, keyFile, settings] = [`${name}.csr`, `${name}.pem`, `${name}.key`, `${name}.cnf`];
    write(settings, `[ext]\n${extensions.join('\n')}\n`);
    run('req', '-new', '-nodes', '-newkey', ...newKey, '-keyout', keyFile, '-out', csr, '-subj', subject, '-utf8');
    const by = issuer === 'self' ? ['-signkey', keyFile] : ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`];
    const what = ['-set_serial', '0x0102030405060708', '-days', '9', '-extfile', settings, '-extensions', 'ext'];
    run('x509', '-req', '-in', csr, ...by, ...what, '-out', pem);
    const base64 = readFileSync(join(folder, pem), 'utf8').replace(/-----.*-----/g, '');
    return toBase64url(Buffer.from(base64, 'base64'));
  }

  function write(name: string, text: string): void {
    writeFileSync(join(folder, name), text);
  }

  /** Output and errors together: `openssl` says on either what the callers look for, refusals included. */
  function run(...args: readonly string[]): string {
    const { stdout, stderr } = spawnSync(OPENSSL, args, { cwd: folder, encoding: 'utf8' });
    return `${stdout}${stderr}`;
  }
});

function findOpenssl(): boolean {
  const found = spawnSync(OPENSSL, ['version']).status === 0;
  if (!found) process.stderr.write('skipped: checks against the openssl command, which is not installed\n');
  return found;
}
