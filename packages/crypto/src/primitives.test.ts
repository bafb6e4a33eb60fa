import { readFileSync } from 'node:fs';
import { testData } from '@salus/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from './bytes.ts';
import * as nodePrimitives from './primitives.node.ts';
import type { Primitives } from './primitives.ts';
import * as webPrimitives from './primitives.web.ts';

const node: Primitives = nodePrimitives;
const web: Primitives = webPrimitives;
const platforms = [
  ['node', node],
  ['web', web],
] as const;

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const ofLength = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });

type AeadGroup = {
  readonly ivSize: number;
  readonly keySize: number;
  readonly tagSize: number;
  readonly tests: readonly {
    readonly tcId: number;
    readonly key: string;
    readonly iv: string;
    readonly aad: string;
    readonly msg: string;
    readonly ct: string;
    readonly tag: string;
    readonly result: 'valid' | 'invalid';
  }[];
};

type EcdsaGroup = {
  readonly publicKey: { readonly uncompressed: string };
  readonly tests: readonly {
    readonly tcId: number;
    readonly msg: string;
    readonly sig: string;
    readonly result: string;
  }[];
};

const gcmVectors = testData('wycheproof/aes_gcm_test.json');
const ecdsaVectors = testData('wycheproof/ecdsa_secp256r1_sha256_p1363_test.json');

describe.each(platforms)('%s primitives', (_name, primitives) => {
  it.runIf(gcmVectors)(
    'agree with every Wycheproof AES-GCM vector of a 256-bit key, 96-bit nonce and 128-bit tag',
    () => {
      const { testGroups } = JSON.parse(readFileSync(gcmVectors ?? '', 'utf8')) as { testGroups: readonly AeadGroup[] };
      const count = { valid: 0, invalid: 0, otherParameters: 0 };
      for (const group of testGroups) {
        if (group.keySize !== 256 || group.ivSize !== 96 || group.tagSize !== 128) {
          // Salus never makes or accepts another key, nonce or tag size: sealObject writes exactly this suite.
          count.otherParameters += group.tests.length;
          continue;
        }
        for (const test of group.tests) {
          const [key, nonce, aad, message] = [test.key, test.iv, test.aad, test.msg].map(bytes) as [
            Uint8Array,
            Uint8Array,
            Uint8Array,
            Uint8Array,
          ];
          const sealed = bytes(test.ct + test.tag);
          count[test.result] += 1;
          if (test.result === 'valid') {
            expect(primitives.aesGcmSeal(key, nonce, aad, message), `case ${test.tcId}`).toEqual(sealed);
            expect(primitives.aesGcmOpen(key, nonce, aad, sealed), `case ${test.tcId}`).toEqual(message);
          } else {
            expect(primitives.aesGcmOpen(key, nonce, aad, sealed), `case ${test.tcId}`).toBeUndefined();
          }
        }
      }
      expect(count).toEqual({ valid: 39, invalid: 27, otherParameters: 250 });
    },
  );

  it.runIf(ecdsaVectors)('agree with every Wycheproof ECDSA vector in P1363 form, high S included', () => {
    const { testGroups } = JSON.parse(readFileSync(ecdsaVectors ?? '', 'utf8')) as {
      testGroups: readonly EcdsaGroup[];
    };
    let seen = 0;
    for (const group of testGroups) {
      const verifier = primitives.p256Verifier(bytes(group.publicKey.uncompressed));
      for (const test of group.tests) {
        seen += 1;
        // Lengths are checked by the callers of this primitive, before it.
        if (test.sig.length !== 128) expect(test.result, `case ${test.tcId}`).toBe('invalid');
        else expect(verifier?.(bytes(test.msg), bytes(test.sig)), `case ${test.tcId}`).toBe(test.result === 'valid');
      }
    }
    expect(seen).toBe(262);
  });

  it('refuse a point off the curve, at infinity, hybrid or with a coordinate beyond the field', () => {
    const point = primitives.p256Point(bytes('01'.padStart(64, '0')));
    expect(primitives.p256Verifier(point)).toBeDefined();
    const off = point.slice();
    off[40]! ^= 1;
    const infinity = new Uint8Array(65);
    infinity[0] = 4;
    const beyond = concatBytes(Uint8Array.of(4), new Uint8Array(32).fill(255), point.subarray(33));
    for (const bad of [off, infinity, beyond]) expect(primitives.p256Verifier(bad)).toBeUndefined();
  });

  it('return bytes of their own that are no Buffer', () => {
    const digest = primitives.sha256(new Uint8Array(1));
    expect(digest.constructor).toBe(Uint8Array);
    expect(digest.buffer.byteLength).toBe(32);
    expect(primitives.decodeBase64url('AAAA').constructor).toBe(Uint8Array);
    expect(primitives.aesGcmSeal(new Uint8Array(32), new Uint8Array(12), digest, digest).constructor).toBe(Uint8Array);
  });

  it('derive the Argon2id key of the inputs of RFC 9106 §5.3 without secret and associated data', async () => {
    const key = await primitives.argon2id(new Uint8Array(32).fill(1), new Uint8Array(16).fill(2), {
      memoryKib: 32,
      passes: 3,
      lanes: 4,
    });
    expect(Buffer.from(key).toString('hex')).toBe('03aab965c12001c9d7d0d2de33192c0494b684bb148196d73c1df1acaf6d0c2e');
  });
});

describe('node and web primitives', () => {
  it('hash, authenticate and encode alike', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (a, b) => {
        expect(web.sha256(a)).toEqual(node.sha256(a));
        expect(web.hmacSha256(a, b)).toEqual(node.hmacSha256(a, b));
        expect(web.sha256Base64url(a)).toBe(node.sha256Base64url(a));
        expect(web.encodeBase64url(a)).toBe(node.encodeBase64url(a));
        expect(web.decodeBase64url(node.encodeBase64url(a))).toEqual(node.decodeBase64url(node.encodeBase64url(a)));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(web.sha256Base64url(text)).toBe(node.sha256Base64url(text));
      }),
    );
  });

  it('encode large inputs alike', () => {
    const large = new Uint8Array(100_001).map((_, at) => (at * 31) & 255);
    expect(web.encodeBase64url(large)).toBe(node.encodeBase64url(large));
    expect(web.decodeBase64url(node.encodeBase64url(large))).toEqual(large);
  });

  it('seal alike, open what the other sealed, and refuse alike', () => {
    fc.assert(
      fc.property(
        ofLength(32),
        ofLength(12),
        fc.uint8Array({ maxLength: 60 }),
        fc.uint8Array({ maxLength: 100 }),
        fc.nat(),
        (key, nonce, aad, plaintext, at) => {
          const sealed = node.aesGcmSeal(key, nonce, aad, plaintext);
          expect(web.aesGcmSeal(key, nonce, aad, plaintext)).toEqual(sealed);
          expect(web.aesGcmOpen(key, nonce, aad, sealed)).toEqual(new Uint8Array(plaintext));
          const changed = sealed.slice();
          changed[at % sealed.length]! ^= 1;
          for (const platform of [node, web]) {
            expect(platform.aesGcmOpen(key, nonce, aad, changed)).toBeUndefined();
            expect(platform.aesGcmOpen(key, nonce, aad, sealed.subarray(0, at % 16))).toBeUndefined();
          }
        },
      ),
    );
  });

  it('have the same points and verify what the other signed', () => {
    fc.assert(
      fc.property(ofLength(32), fc.uint8Array(), (scalar, message) => {
        scalar[0]! &= 0x7f;
        scalar[31]! |= 1;
        const point = node.p256Point(scalar);
        expect(web.p256Point(scalar)).toEqual(point);
        const byNode = node.p256Signer(scalar, point)(message);
        const byWeb = web.p256Signer(scalar, point)(message);
        for (const platform of [node, web]) {
          const verifier = platform.p256Verifier(point);
          expect(verifier?.(message, byNode)).toBe(true);
          expect(verifier?.(message, byWeb)).toBe(true);
          expect(verifier?.(concatBytes(message, Uint8Array.of(0)), byWeb)).toBe(false);
        }
      }),
      { numRuns: 25 },
    );
  });

  it('agree on the same secret from either side, and refuse a point off the curve', () => {
    fc.assert(
      fc.property(ofLength(32), ofLength(32), (ours, theirs) => {
        for (const scalar of [ours, theirs]) {
          scalar[0]! &= 0x7f;
          scalar[31]! |= 1;
        }
        const secret = node.p256SharedSecret(ours, node.p256Point(theirs));
        expect(secret).toHaveLength(32);
        expect(web.p256SharedSecret(ours, web.p256Point(theirs))).toEqual(secret);
        expect(web.p256SharedSecret(theirs, node.p256Point(ours))).toEqual(secret);
        const off = node.p256Point(theirs);
        off[40]! ^= 1;
        for (const platform of [node, web]) expect(platform.p256SharedSecret(ours, off)).toBeUndefined();
      }),
      { numRuns: 25 },
    );
  });

  it('derive the same key from a passphrase', async () => {
    const cost = { memoryKib: 64, passes: 2, lanes: 1 };
    const [passphrase, salt] = [new Uint8Array([1, 2, 3]), new Uint8Array(16).fill(9)];
    expect(await web.argon2id(passphrase, salt, cost)).toEqual(await node.argon2id(passphrase, salt, cost));
  });
});
