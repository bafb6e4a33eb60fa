import { readdirSync } from 'node:fs';
import { testData } from '@salus/testing';
import { expect, it } from 'vitest';

/** Where the tests of this package check each published set; a set that they do not check says why. */
const WYCHEPROOF: Readonly<Record<string, string>> = {
  'aes_gcm_test.json':
    'primitives.test.ts, all of a 256-bit key, 96-bit nonce and 128-bit tag: no other is ever made or accepted',
  'ecdsa_secp256r1_sha256_p1363_test.json':
    'signature.test.ts, but that valid signatures with high S are refused; primitives.test.ts',
  'ecdsa_secp256r1_sha256_test.json': 'der.test.ts',
  'hkdf_sha256_test.json': 'hash.test.ts',
  'x25519_test.json': 'not checked: no part of Salus computes on Curve25519, every key is on P-256',
};

const MERKLE: Readonly<Record<string, string>> = {
  consistency: 'merkle.test.ts, but one case whose roots are not SHA-256 values',
  inclusion: 'merkle.test.ts',
  subtreeconsistency:
    'merkle.test.ts, all that start at leaf 0 and are not empty: the others are of Merkle Tree Certificates',
  subtreeinclusion: 'merkle.test.ts',
};

const HPKE: Readonly<Record<string, string>> = {
  'hpke-rfc9180-vectors.json':
    'hpke-suite.test.ts, modes Base and PSK: Auth and AuthPSK are neither in the library nor used',
};

it.runIf(testData('wycheproof')).each([
  ['wycheproof', WYCHEPROOF],
  ['merkle/testdata', MERKLE],
  ['hpke', HPKE],
])('every published set in %s is checked, or left out for a stated reason', (folder, sets) => {
  expect(readdirSync(testData(folder) ?? '').sort()).toEqual(Object.keys(sets).sort());
});
