import { describe, expect, it } from 'vitest';
import { createRevocationList, readRevocationList, serialOf } from './revocation.ts';
import { createTestChannels, NOW_MS } from './test-member.ts';

const { hospital } = await createTestChannels();

const coded = (code: string): unknown => expect.objectContaining({ code });

describe('a revocation list', () => {
  it('names every serial number under Fabric’s label', async () => {
    const revoked = [
      { serial: serialOf(hospital.admin.certificate), revokedMs: NOW_MS },
      { serial: '40aa', revokedMs: NOW_MS - 5000 },
    ];
    const pem = await createRevocationList({ ca: hospital.ca, revoked, nowMs: NOW_MS });
    expect(pem.startsWith('-----BEGIN X509 CRL-----\n')).toBe(true);
    expect(await readRevocationList(pem)).toEqual({ issuer: 'CN=ca.hospital-a, O=hospital-a', revoked });
  });

  it('is refused for what is no serial number, and not read from noise', async () => {
    const revoked = [{ serial: 'XY', revokedMs: NOW_MS }];
    await expect(createRevocationList({ ca: hospital.ca, revoked, nowMs: NOW_MS })).rejects.toThrow(coded('bad-input'));
    await expect(readRevocationList('noise')).rejects.toThrow(coded('malformed'));
    expect(() => serialOf('noise')).toThrow(coded('bad-input'));
  });
});
