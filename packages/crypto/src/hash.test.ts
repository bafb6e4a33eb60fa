import { readFileSync } from 'node:fs';
import { testData } from '@salus/testing';
import { describe, expect, it } from 'vitest';
import { toBase64url, utf8 } from './bytes.ts';
import { HKDF_BYTES_MAX, hashTuple, hashTupleBytes, hkdfSha256, hmacSha256, sha256 } from './hash.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

describe('sha256', () => {
  it('gives the digests of FIPS 180-4 (NIST examples)', () => {
    expect(hex(sha256(utf8('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(hex(sha256(utf8('')))).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  });
});

describe('hmacSha256', () => {
  it('gives the tags of RFC 4231 §4.2, §4.3 and §4.7', () => {
    expect(hex(hmacSha256(bytes('0b'.repeat(20)), utf8('Hi There')))).toBe(
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    );
    expect(hex(hmacSha256(utf8('Jefe'), utf8('what do ya want for nothing?')))).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
    const longKey = bytes('aa'.repeat(131));
    expect(hex(hmacSha256(longKey, utf8('Test Using Larger Than Block-Size Key - Hash Key First')))).toBe(
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    );
  });
});

type HkdfGroup = {
  readonly tests: readonly {
    readonly tcId: number;
    readonly ikm: string;
    readonly salt: string;
    readonly info: string;
    readonly size: number;
    readonly okm: string;
    readonly result: 'valid' | 'invalid';
  }[];
};

const wycheproof = testData('wycheproof/hkdf_sha256_test.json');

describe('hkdfSha256', () => {
  it.runIf(wycheproof)('agrees with all 86 Wycheproof vectors', () => {
    const { testGroups } = JSON.parse(readFileSync(wycheproof ?? '', 'utf8')) as { testGroups: readonly HkdfGroup[] };
    let valid = 0;
    let invalid = 0;
    for (const test of testGroups.flatMap((group) => group.tests)) {
      const derive = (): string => hex(hkdfSha256(bytes(test.ikm), bytes(test.salt), bytes(test.info), test.size));
      if (test.result === 'valid') {
        expect(derive(), `case ${test.tcId}`).toBe(test.okm);
        valid += 1;
      } else {
        expect(derive, `case ${test.tcId}`).toThrow(expect.objectContaining({ code: 'bad-argument' }));
        invalid += 1;
      }
    }
    expect(valid + invalid).toBe(86);
    expect(invalid).toBeGreaterThan(0);
  });

  it('refuses lengths that HKDF cannot give', () => {
    for (const length of [-1, 0.5, HKDF_BYTES_MAX + 1]) {
      expect(() => hkdfSha256(utf8('ikm'), utf8(''), utf8(''), length)).toThrow(
        expect.objectContaining({ code: 'bad-argument' }),
      );
    }
  });
});

describe('hashTuple', () => {
  it('is the SHA-256 of the canonical array that starts with its use', () => {
    expect(hashTuple('leaf', 'é', 1, { b: 2, a: [null] })).toBe(
      toBase64url(sha256(utf8('["salus:leaf:v1","é",1,{"a":[null],"b":2}]'))),
    );
    expect(toBase64url(hashTupleBytes('leaf', 'a'))).toBe(hashTuple('leaf', 'a'));
  });

  it('separates uses, and the number of items from their content', () => {
    const hashes = [hashTuple('a', 'x'), hashTuple('b', 'x'), hashTuple('a', 'x', null), hashTuple('a', ['x'])];
    expect(new Set(hashes).size).toBe(4);
  });

  it.each(['', 'Leaf', 'a:b', 'a"', `a${'b'.repeat(64)}`])('refuses the use %j', (use) => {
    expect(() => hashTuple(use)).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });
});
