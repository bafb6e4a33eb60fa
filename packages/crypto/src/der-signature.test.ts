import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { findP1363 } from './der.ts';
import { signatureFromDer } from './der-signature.ts';

const ROUNDS = 600;

test('gives what verifies in P1363 form, also where a number is short', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = createPublicKey(publicKey.export({ type: 'spki', format: 'pem' }));
  const lengths = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    const message = Buffer.from(`message ${round}`);
    const der = sign('sha256', message, privateKey);
    lengths.add(der.length);
    const signature = signatureFromDer(der);
    expect(signature).toEqual(findP1363(der));
    expect(verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);
  }
  // With and without the zeros that keep r and s positive.
  expect([70, 71, 72].every((length) => lengths.has(length))).toBe(true);
});

test('fills short numbers with zeros', () => {
  const signature = signatureFromDer(Uint8Array.of(0x30, 7, 2, 1, 5, 2, 2, 0, 0x80));
  expect([signature[31], signature[62], signature[63]]).toEqual([5, 0, 0x80]);
  expect(signature.reduce((sum, byte) => sum + byte, 0)).toBe(5 + 0x80);
});

test('refuses what is no such DER', () => {
  const der = Uint8Array.of(0x30, 6, 2, 1, 5, 2, 1, 6);
  for (const bad of [der.subarray(1), der.subarray(0, -1), new Uint8Array(0), Uint8Array.of(...der, 0)]) {
    expect(() => signatureFromDer(bad)).toThrow(RangeError);
  }
});
