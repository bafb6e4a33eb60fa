import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  authenticityQrText,
  findAuthenticityQr,
  issueAuthenticityCertificate,
  verifyAuthenticity,
} from './authenticity.ts';
import { fromBase64url, randomBytes, toBase64url } from './bytes.ts';
import { type MemberKind, toPem, verifyCertificate } from './certificate.ts';
import { type CertificateAuthority, createCa, issueCertificate, renew } from './certificate-authority.ts';
import { parseCertificate } from './certificate-profile.ts';
import { createCsr, parseCsr } from './certificate-request.ts';
import { CryptoError } from './crypto-error.ts';
import { hasLowS } from './p256.ts';
import { createCrl } from './revocation-list.ts';
import { generateSigningKeySync, kidOf } from './signature.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const DAY_MS = 86_400_000;
const OPENSSL = 'openssl';
const code = (name: string): unknown => expect.objectContaining({ name: 'CryptoError', code: name });
const newId = (): string => toBase64url(randomBytes(16));

let ca: CertificateAuthority;
let roots: readonly string[];
const key = generateSigningKeySync();
const id = newId();

beforeAll(async () => {
  ca = await createCa({ organisation: 'hospital-a', nowMs: NOW_MS, validDays: 3650 });
  roots = [ca.certificate];
});

type Change = { readonly kind?: MemberKind; readonly roles?: readonly string[]; readonly serial?: string };

function issue(change: Change = {}): Promise<string> {
  return issueCertificate({
    ca,
    publicKey: key.publicKey,
    id,
    organisation: 'hospital-a',
    kind: 'staff',
    roles: ['clinician', 'registrar'],
    notBeforeMs: NOW_MS,
    notAfterMs: NOW_MS + 365 * DAY_MS,
    ...change,
  });
}

describe('a member certificate', () => {
  it('verifies at its time under its authority and says who, what and until when', async () => {
    const certificate = await issue({ serial: '0102030405060708' });
    const facts = await verifyCertificate({ certificate, roots, atMs: NOW_MS + 1 });
    expect(facts).toEqual({
      id,
      organisation: 'hospital-a',
      kind: 'staff',
      roles: ['clinician', 'registrar'],
      publicKey: key.publicKey,
      serial: '0102030405060708',
      notBeforeMs: NOW_MS,
      notAfterMs: NOW_MS + 365 * DAY_MS,
      issuer: kidOf(parseCertificate(ca.certificate).publicKey),
    });
    expect(await verifyCertificate({ chain: [certificate], roots, atMs: NOW_MS + 1 })).toEqual(facts);
    expect(await verifyCertificate({ chain: [certificate, ca.certificate], roots, atMs: NOW_MS + 1 })).toEqual(facts);
  });

  it.each([
    ['staff', ['clinician'], 'client'],
    ['staff', ['administrator', 'clinician'], 'admin'],
    ['client', ['feed'], 'client'],
    ['node', [], 'peer'],
    ['device', [], 'client'],
  ] as const)('of %s with roles %j has the NodeOU and attributes that Fabric reads', async (kind, roles, unit) => {
    const certificate = await issue({ kind, roles });
    const parsed = new X509Certificate(fromBase64url(certificate));
    expect(parsed.subject.split('\n')).toEqual([`CN=${id}`, `OU=${unit}`, 'O=hospital-a']);
    expect(parsed.ca).toBe(false);
    expect(parsed.issuer.split('\n')).toEqual(['CN=ca.hospital-a', 'O=hospital-a']);
    const attributes = parseCertificate(certificate).extensions.get('2a03040506070801');
    expect(JSON.parse(new TextDecoder().decode(attributes))).toEqual({
      attrs: { 'salus.kind': kind, 'salus.roles': roles.join(',') },
    });
    expect(await verifyCertificate({ certificate, roots, atMs: NOW_MS })).toMatchObject({ kind, roles });
  });

  it('is signed with low S, which Fabric demands, and draws its serial', async () => {
    const serials = new Set<string>();
    for (let run = 0; run < 20; run += 1) {
      const parsed = parseCertificate(await issue());
      expect(hasLowS(parsed.signature)).toBe(true);
      serials.add(parsed.serial);
    }
    expect(serials.size).toBe(20);
    expect(hasLowS(parseCertificate(ca.certificate).signature)).toBe(true);
  });

  it('is valid from the first to the last millisecond of its time and of its authority, and not beyond', async () => {
    const certificate = await issue();
    const at = (atMs: number): Promise<unknown> => verifyCertificate({ certificate, roots, atMs });
    for (const atMs of [NOW_MS, NOW_MS + 365 * DAY_MS]) expect(await at(atMs)).toBeDefined();
    const outside = [NOW_MS - 1, NOW_MS + 365 * DAY_MS + 1, 0, -1, Number.NaN, Number.POSITIVE_INFINITY];
    for (const atMs of outside) expect(await at(atMs), String(atMs)).toBeUndefined();
  });

  it('verifies under no other authority, not even one of the same name', async () => {
    const certificate = await issue();
    const twin = await createCa({ organisation: 'hospital-a', nowMs: NOW_MS, validDays: 3650 });
    const other = await createCa({ organisation: 'hospital-b', nowMs: NOW_MS, validDays: 3650 });
    const atMs = NOW_MS;
    for (const wrong of [[], [twin.certificate], [other.certificate], [certificate], ['x', '']]) {
      expect(await verifyCertificate({ certificate, roots: wrong, atMs })).toBeUndefined();
    }
    const mixed = ['malformed', other.certificate, twin.certificate, ca.certificate];
    expect(await verifyCertificate({ certificate, roots: mixed, atMs })).toBeDefined();
    expect(
      await verifyCertificate({ chain: [certificate, twin.certificate], roots: [twin.certificate], atMs }),
    ).toBeUndefined();
  });

  it('is not its authority, and cannot certify others', async () => {
    expect(await verifyCertificate({ certificate: ca.certificate, roots, atMs: NOW_MS })).toBeUndefined();
    const member = await issue();
    const below = await issueCertificate({
      ca: { ...ca, privateKey: key.privateKey },
      publicKey: generateSigningKeySync().publicKey,
      id: newId(),
      organisation: 'hospital-a',
      kind: 'staff',
      roles: ['administrator'],
      notBeforeMs: NOW_MS,
      notAfterMs: NOW_MS + DAY_MS,
    });
    for (const chain of [[below], [below, member], [below, member, ca.certificate]]) {
      expect(await verifyCertificate({ chain, roots, atMs: NOW_MS })).toBeUndefined();
      expect(await verifyCertificate({ chain, roots: [...roots, member], atMs: NOW_MS })).toBeUndefined();
    }
  });

  it('verifies no more after a change of any byte', async () => {
    const der = fromBase64url(await issue());
    for (let at = 0; at < der.length; at += 1) {
      const changed = der.slice();
      changed[at]! ^= 1;
      const facts = await verifyCertificate({ certificate: toBase64url(changed), roots, atMs: NOW_MS });
      expect(facts, `byte ${at}`).toBeUndefined();
    }
  });

  it('is undefined for anything malformed, and never throws', async () => {
    const der = fromBase64url(await issue());
    const malformed = [
      '',
      'x',
      '%',
      toBase64url(der.subarray(1)),
      toBase64url(Uint8Array.of(...der, 0)),
      'A'.repeat(20_000),
    ];
    for (const certificate of malformed) {
      expect(await verifyCertificate({ certificate, roots, atMs: NOW_MS })).toBeUndefined();
    }
    const certificate = toBase64url(der);
    expect(await verifyCertificate({ chain: [], roots, atMs: NOW_MS })).toBeUndefined();
    expect(
      await verifyCertificate({ chain: Array.from({ length: 5 }, () => certificate), roots, atMs: NOW_MS }),
    ).toBeUndefined();
    const many = Array.from({ length: 65 }, () => ca.certificate);
    expect(await verifyCertificate({ certificate, roots: many, atMs: NOW_MS })).toBeUndefined();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 50 }), fc.nat(der.length), async (noise, at) => {
        const spliced = toBase64url(
          Uint8Array.of(...der.subarray(0, at), ...noise, ...der.subarray(at + noise.length)),
        );
        const facts = await verifyCertificate({ certificate: spliced, roots, atMs: NOW_MS });
        if (spliced !== certificate) expect(facts).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('is refused by its issuer with an unsafe subject, role, serial or time', async () => {
    const request = {
      ca,
      publicKey: key.publicKey,
      id,
      organisation: 'hospital-a',
      kind: 'staff',
      roles: [] as string[],
    } as const;
    const time = { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + DAY_MS };
    const wrong = [
      { ...request, ...time, id: 'Dr Who' },
      { ...request, ...time, organisation: 'hospital-b' },
      { ...request, ...time, roles: ['a,b'] },
      { ...request, ...time, roles: Array.from({ length: 17 }, () => 'a') },
      { ...request, ...time, serial: '00' },
      { ...request, ...time, serial: 'ff02030405060708' },
      { ...request, ...time, serial: '0002030405060708' },
      { ...request, notBeforeMs: NOW_MS, notAfterMs: NOW_MS },
      { ...request, notBeforeMs: NOW_MS - 1000, notAfterMs: NOW_MS + DAY_MS },
      { ...request, notBeforeMs: NOW_MS, notAfterMs: NOW_MS + 3651 * DAY_MS },
    ];
    for (const each of wrong) await expect(issueCertificate(each)).rejects.toThrow(code('bad-argument'));
    await expect(issueCertificate({ ...request, ...time, publicKey: 'x' })).rejects.toThrow(code('bad-key'));
    await expect(createCa({ organisation: 'Hospital A', nowMs: NOW_MS, validDays: 1 })).rejects.toThrow(
      code('bad-argument'),
    );
    await expect(createCa({ organisation: 'hospital-a', nowMs: NOW_MS, validDays: 0 })).rejects.toThrow(
      code('bad-argument'),
    );
  });
});

describe('a certificate request', () => {
  it('proves possession of its key and becomes a certificate for its id', async () => {
    const csr = await createCsr({ id, ...key });
    expect(parseCsr(csr)).toEqual({ id, publicKey: key.publicKey });
    const request = { ca, csr, id, organisation: 'hospital-a', kind: 'device', roles: [] } as const;
    const time = { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + DAY_MS };
    const certificate = await issueCertificate({ ...request, ...time });
    expect(await verifyCertificate({ certificate, roots, atMs: NOW_MS })).toMatchObject({
      id,
      publicKey: key.publicKey,
    });
    await expect(issueCertificate({ ...request, ...time, id: newId() })).rejects.toThrow(code('bad-certificate'));
  });

  it('works from a non-extractable WebCrypto key', async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    const publicKey = toBase64url(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
    expect(parseCsr(await createCsr({ id, publicKey, privateKey: pair.privateKey }))).toEqual({ id, publicKey });
  });

  it('is refused when another key signed it or any byte was changed', async () => {
    const other = generateSigningKeySync();
    const foreign = await createCsr({ id, publicKey: key.publicKey, privateKey: other.privateKey });
    expect(() => parseCsr(foreign)).toThrow(code('bad-certificate'));
    const der = fromBase64url(await createCsr({ id, ...key }));
    for (let at = 0; at < der.length; at += 1) {
      const changed = der.slice();
      changed[at]! ^= 1;
      expect(() => parseCsr(toBase64url(changed)), `byte ${at}`).toThrow(CryptoError);
    }
    expect(() => parseCsr('A'.repeat(20_000))).toThrow(code('bad-certificate'));
  });
});

describe('renewal', () => {
  it('keeps who and what, and changes time, serial and, if asked, the key', async () => {
    const certificate = await issue({ roles: ['administrator'] });
    const next = { notBeforeMs: NOW_MS + DAY_MS, notAfterMs: NOW_MS + 400 * DAY_MS };
    const newKey = generateSigningKeySync();
    const same = await renew({ ca, certificate, ...next });
    const rekeyed = await renew({ ca, certificate, ...next, publicKey: newKey.publicKey, serial: '1102030405060708' });
    const atMs = NOW_MS + 2 * DAY_MS;
    const facts = { id, kind: 'staff', roles: ['administrator'], ...next };
    expect(await verifyCertificate({ certificate: same, roots, atMs })).toMatchObject({
      ...facts,
      publicKey: key.publicKey,
    });
    expect(await verifyCertificate({ certificate: rekeyed, roots, atMs })).toMatchObject({
      ...facts,
      publicKey: newKey.publicKey,
      serial: '1102030405060708',
    });
    expect(parseCertificate(same).serial).not.toBe(parseCertificate(certificate).serial);
  });

  it('is refused for a certificate of another authority, and for one that is no member', async () => {
    const twin = await createCa({ organisation: 'hospital-a', nowMs: NOW_MS, validDays: 3650 });
    const next = { notBeforeMs: NOW_MS, notAfterMs: NOW_MS + DAY_MS };
    await expect(renew({ ca: twin, certificate: await issue(), ...next })).rejects.toThrow(code('bad-certificate'));
    await expect(renew({ ca, certificate: ca.certificate, ...next })).rejects.toThrow(code('bad-certificate'));
  });
});

describe('a certificate of authenticity', () => {
  const issueAuthenticity = (): Promise<string> =>
    issueAuthenticityCertificate({
      ca,
      id,
      name: 'Dr. Ada Müller',
      licence: 'BY-123 456/7',
      publicKey: key.publicKey,
      notBeforeMs: NOW_MS,
      notAfterMs: NOW_MS + DAY_MS,
    });

  it('says name and licence, verified offline from its QR text', async () => {
    const certificate = await issueAuthenticity();
    const scanned = findAuthenticityQr(authenticityQrText(certificate));
    expect(scanned).toBe(certificate);
    expect(verifyAuthenticity({ certificate, roots, atMs: NOW_MS })).toMatchObject({
      id,
      name: 'Dr. Ada Müller',
      licence: 'BY-123 456/7',
      organisation: 'hospital-a',
      publicKey: key.publicKey,
    });
    expect(verifyAuthenticity({ certificate, roots, atMs: NOW_MS + 2 * DAY_MS })).toBeUndefined();
    expect(verifyAuthenticity({ certificate, roots: [], atMs: NOW_MS })).toBeUndefined();
    // Version 40-L of a QR code holds 2,953 bytes.
    expect(authenticityQrText(certificate).length).toBeLessThan(1500);
  });

  it('is no member certificate, nor a member certificate one of authenticity', async () => {
    expect(await verifyCertificate({ certificate: await issueAuthenticity(), roots, atMs: NOW_MS })).toBeUndefined();
    expect(verifyAuthenticity({ certificate: await issue(), roots, atMs: NOW_MS })).toBeUndefined();
  });

  it('is refused with a name or licence that is not one line', async () => {
    const input = { ca, id, publicKey: key.publicKey, notBeforeMs: NOW_MS, notAfterMs: NOW_MS + DAY_MS };
    for (const name of ['', 'a\nb', 'x'.repeat(65), '\u202eabc']) {
      await expect(issueAuthenticityCertificate({ ...input, name, licence: '1' })).rejects.toThrow(
        code('bad-argument'),
      );
    }
    await expect(issueAuthenticityCertificate({ ...input, name: 'Ada', licence: '\u0000' })).rejects.toThrow(
      code('bad-argument'),
    );
  });

  it.each([
    '',
    'SALUS-AUTHENTICITY:1:',
    'SALUS-AUTHENTICITY:2:AAAA',
    'https://example.org',
    'SALUS-AUTHENTICITY:1:A B',
  ])('is not found in the text %j', (text) => {
    expect(findAuthenticityQr(text)).toBeUndefined();
  });
});

describe('a revocation list', () => {
  it('is refused with malformed serials or times', async () => {
    const list = { ca, revoked: [], thisUpdateMs: NOW_MS, nextUpdateMs: NOW_MS + DAY_MS, number: 1 };
    const wrong = [
      { ...list, revoked: [{ serial: 'xyz', revokedMs: NOW_MS }] },
      { ...list, nextUpdateMs: NOW_MS },
      { ...list, number: -1 },
    ];
    for (const each of wrong) await expect(createCrl(each)).rejects.toThrow(code('bad-argument'));
  });
});

const openssl = findOpenssl();

describe('openssl', () => {
  const folder = mkdtempSync(join(tmpdir(), 'salus-openssl-'));
  const atTime = String(NOW_MS / 1000 + 60);
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it.runIf(openssl)('verifies member and authenticity certificates, and heeds the revocation list', async () => {
    const member = await issue();
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

  it.runIf(openssl)('makes certificates outside the profile that are refused', async () => {
    write('ca.pem', toPem('CERTIFICATE', ca.certificate));
    write('ca.key', toPem('PRIVATE KEY', toBase64url(ca.privateKey)));
    const kind =
      '1.2.3.4.5.6.7.8.1=DER:7b226174747273223a7b2273616c75732e6b696e64223a227374616666222c2273616c75732e726f6c6573223a22227d7d';
    const good = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature', kind];
    const subject = `/CN=${id}/OU=client/O=hospital-a`;
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const made = async (name: string, extensions: readonly string[], subj = subject, newKey = ec): Promise<unknown> => {
      write(`${name}.cnf`, `[ext]\n${extensions.join('\n')}\n`);
      run('req', '-new', '-nodes', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subj, '-utf8');
      const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', '0x0102030405060708', '-days', '3000'];
      run(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        ...sign,
        '-extfile',
        `${name}.cnf`,
        '-extensions',
        'ext',
        '-out',
        `${name}.pem`,
      );
      const pem = readFileSync(join(folder, `${name}.pem`), 'utf8');
      const certificate = toBase64url(Buffer.from(pem.replace(/-----.*-----/g, ''), 'base64'));
      return verifyCertificate({ certificate, roots, atMs: Math.max(Date.now(), NOW_MS) + 1000 });
    };
    expect(await made('good', good)).toMatchObject({ id, kind: 'staff', roles: [] });
    const rsa = ['-newkey', 'rsa:2048'];
    const p384 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp384r1'];
    const refused = {
      'another curve': await made('p384', good, subject, p384),
      'another algorithm': await made('rsa', good, subject, rsa),
      'an authority as member': await made('ca2', [
        'basicConstraints=critical,CA:TRUE',
        'keyUsage=critical,digitalSignature,keyCertSign',
        kind,
      ]),
      'no key usage': await made('usage', [good[0]!, kind]),
      'usage without signing': await made('usage2', [good[0]!, 'keyUsage=critical,keyAgreement', kind]),
      'an unknown critical extension': await made('critical', [...good, '1.2.3.4.5=critical,DER:0500']),
      'no attributes': await made('attrs', good.slice(0, 2)),
      'attributes that are not JSON': await made('attrs2', [...good.slice(0, 2), '1.2.3.4.5.6.7.8.1=DER:7b22']),
      'another organisation': await made('org', good, `/CN=${id}/OU=client/O=hospital-b`),
      'two organisations': await made('org2', good, `/CN=${id}/O=hospital-a/O=hospital-a`),
      'two names': await made('cn2', good, `/CN=${id}/CN=x/O=hospital-a`),
    };
    for (const [what, facts] of Object.entries(refused)) expect(facts, what).toBeUndefined();
  });

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
