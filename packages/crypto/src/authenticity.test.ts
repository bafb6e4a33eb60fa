import { describe, expect, it } from 'vitest';
import { code, DAY_MS, NOW_MS, openHospitalCa } from '../test/hospital-ca.ts';
import {
  authenticityQrText,
  findAuthenticityQr,
  issueAuthenticityCertificate,
  verifyAuthenticity,
} from './authenticity.ts';
import { verifyCertificate } from './certificate.ts';

const { ca, roots, id, key, issue } = await openHospitalCa();

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
