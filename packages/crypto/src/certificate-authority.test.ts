import { describe, expect, it } from 'vitest';
import { code, DAY_MS, NOW_MS, newId, openHospitalCa } from '../test/hospital-ca.ts';
import { fromBase64url, toBase64url } from './bytes.ts';
import { verifyCertificate } from './certificate.ts';
import { createCa, issueCertificate, renew } from './certificate-authority.ts';
import { parseCertificate } from './certificate-profile.ts';
import { createCsr, parseCsr } from './certificate-request.ts';
import { CryptoError } from './crypto-error.ts';
import { createCrl, findRevokedSerials } from './revocation-list.ts';
import { generateSigningKeySync } from './signature.ts';

const { ca, roots, id, key, issue } = await openHospitalCa();

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

describe('a revocation list', () => {
  it('names the serials that it was made of, and none when it is empty', async () => {
    const times = { thisUpdateMs: NOW_MS, nextUpdateMs: NOW_MS + DAY_MS, number: 1 };
    const serials = ['1102030405060708', 'ff02030405060708', '7f'];
    const revoked = serials.map((serial) => ({ serial, revokedMs: NOW_MS }));
    expect(findRevokedSerials(fromBase64url(await createCrl({ ca, revoked, ...times })))).toEqual(serials);
    expect(findRevokedSerials(fromBase64url(await createCrl({ ca, revoked: [], ...times })))).toEqual([]);
    expect(() => findRevokedSerials(Uint8Array.of(0x30, 0x00))).toThrow(code('bad-certificate'));
  });

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
