import { beforeAll, describe, expect, it } from 'vitest';
import type { ChannelConfig } from './config.ts';
import { createRevocationList, readRevocationList, serialOf } from './revocation.ts';
import { createChannel, createMember, NOW_MS, type TestMember } from './test-member.ts';

let hospital: TestMember;
let laboratory: TestMember;
let pharmacy: TestMember;
let _research: TestMember;
let _raft: ChannelConfig;
let _bft: ChannelConfig;

beforeAll(async () => {
  [hospital, laboratory, pharmacy, _research] = (await Promise.all([
    createMember('hospital-a', 7050),
    createMember('laboratory', 7050),
    createMember('pharmacy'),
    createMember('research'),
  ])) as [TestMember, TestMember, TestMember, TestMember];
  const members = [hospital, laboratory, pharmacy];
  [_raft, _bft] = await Promise.all([createChannel(members), createChannel(members, 'bft')]);
});

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
