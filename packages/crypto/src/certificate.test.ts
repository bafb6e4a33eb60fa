import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { code, DAY_MS, NOW_MS, newId, openHospitalCa } from '../test/hospital-ca.ts';
import { fromBase64url, toBase64url } from './bytes.ts';
import { verifyCertificate } from './certificate.ts';
import { createCa, issueCertificate } from './certificate-authority.ts';
import { parseCertificate } from './certificate-profile.ts';
import { hasLowS } from './p256.ts';
import { generateSigningKeySync, kidOf } from './signature.ts';

const { ca, roots, id, key, issue } = await openHospitalCa();

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
