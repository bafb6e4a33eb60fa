import { createPublicKey, createSign, generateKeyPairSync, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { testData } from '@salus/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromBase64url, randomBytes, toBase64url, utf8 } from './bytes.ts';
import { hasLowS, withLowS } from './p256.ts';
import {
  deriveSigningKey,
  generateSigningKey,
  generateSigningKeySync,
  isPublicKey,
  kidOf,
  signerFromCryptoKey,
  signerFromPkcs8,
  VERIFIER_CACHE_MAX,
  verifyEs256,
} from './signature.ts';

const badKey = expect.objectContaining({ code: 'bad-key' });
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const twin = (signature: Uint8Array): Uint8Array => {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  return concatBytes(signature.subarray(0, 32), bytes((ORDER - s).toString(16).padStart(64, '0')));
};

describe('a signing key', () => {
  it('signs what its public key verifies, with low S, and nothing else', async () => {
    const key = await generateSigningKey();
    const signer = signerFromPkcs8(key.privateKey);
    expect(signer.publicKey).toBe(key.publicKey);
    const other = generateSigningKeySync().publicKey;
    for (let run = 0; run < 50; run += 1) {
      const message = randomBytes(run);
      const signature = await signer.sign(message);
      expect(signature).toHaveLength(64);
      expect(hasLowS(signature)).toBe(true);
      expect(verifyEs256(key.publicKey, message, signature)).toBe(true);
      expect(verifyEs256(other, message, signature)).toBe(false);
      expect(verifyEs256(key.publicKey, concatBytes(message, Uint8Array.of(0)), signature)).toBe(false);
    }
  });

  it('has the point and PKCS #8 form that OpenSSL reads, and reads those that OpenSSL writes', () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const signer = signerFromPkcs8(new Uint8Array(pair.privateKey.export({ format: 'der', type: 'pkcs8' })));
    const spki = pair.publicKey.export({ format: 'der', type: 'spki' });
    expect(signer.publicKey).toBe(toBase64url(spki.subarray(spki.length - 65)));
    const signature = signer.signSync(utf8('message'));
    expect(verify('sha256', utf8('message'), { key: pair.publicKey, dsaEncoding: 'ieee-p1363' }, signature)).toBe(true);

    const own = generateSigningKeySync();
    const theirs = createSign('sha256')
      .update('message')
      .sign({ key: Buffer.from(own.privateKey), format: 'der', type: 'pkcs8', dsaEncoding: 'ieee-p1363' });
    expect(verifyEs256(own.publicKey, utf8('message'), withLowS(new Uint8Array(theirs)))).toBe(true);
  });

  it('works from a non-extractable WebCrypto key, whose high S is normalised', async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
    const publicKey = toBase64url(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
    const signer = signerFromCryptoKey(pair.privateKey, publicKey);
    for (let run = 0; run < 20; run += 1) {
      expect(verifyEs256(publicKey, utf8('message'), await signer.sign(utf8('message')))).toBe(true);
    }
    expect(() => signerFromCryptoKey(pair.privateKey, toBase64url(randomBytes(65)))).toThrow(badKey);
  });

  it.each([
    ['nothing', () => new Uint8Array(0)],
    ['one byte too many', (key: Uint8Array) => concatBytes(key, Uint8Array.of(0))],
    ['another curve', (key: Uint8Array) => key.map((byte, at) => (at === 22 ? byte ^ 1 : byte))],
    ['the point of another key', (key: Uint8Array) => key.map((byte, at) => (at === 137 ? byte ^ 1 : byte))],
    ['scalar 0', (key: Uint8Array) => key.map((byte, at) => (at >= 36 && at < 68 ? 0 : byte))],
    ['a scalar beyond the order', (key: Uint8Array) => key.map((byte, at) => (at >= 36 && at < 68 ? 255 : byte))],
  ])('is refused as PKCS #8 with %s', (_what, change) => {
    expect(() => signerFromPkcs8(change(generateSigningKeySync().privateKey))).toThrow(badKey);
  });
});

describe('deriveSigningKey', () => {
  it('gives the same key for the same secret and info, and another for any other', () => {
    const secret = randomBytes(32);
    const key = deriveSigningKey(secret, 'device/1');
    expect(deriveSigningKey(secret.slice(), 'device/1')).toEqual(key);
    const others = [deriveSigningKey(secret, 'device/2'), deriveSigningKey(randomBytes(32), 'device/1')];
    expect(new Set([key, ...others].map((each) => each.publicKey)).size).toBe(3);
    expect(verifyEs256(key.publicKey, utf8('m'), signerFromPkcs8(key.privateKey).signSync(utf8('m')))).toBe(true);
  });

  it('never changes: wallets of thirty years depend on it', () => {
    expect(deriveSigningKey(new Uint8Array(32).fill(7), 'fixed').publicKey).toBe(
      'BHqc4bHludCrPRpJI8FVW0vVFHyKboBWG1If5AxKZye0tefZv6IWbLd2g9qTm-bgRaTyLTB3-0tf0ko4m6Eyd-o',
    );
  });

  it('refuses a secret below 128 bits', () => {
    expect(() => deriveSigningKey(randomBytes(15), 'x')).toThrow(expect.objectContaining({ code: 'bad-argument' }));
  });
});

describe('kidOf', () => {
  it('is 22 characters, one per key', () => {
    const keys = Array.from({ length: 20 }, () => generateSigningKeySync().publicKey);
    const kids = new Set(keys.map(kidOf));
    expect(kids.size).toBe(20);
    for (const kid of kids) expect(kid).toMatch(/^[\w-]{22}$/);
  });

  it('refuses text that is no public key', () => {
    const { publicKey } = generateSigningKeySync();
    const compressed = fromBase64url(publicKey).subarray(0, 33);
    compressed[0] = 2;
    for (const bad of ['', publicKey.slice(1), `${publicKey}=`, toBase64url(compressed)]) {
      expect(() => kidOf(bad)).toThrow(badKey);
      expect(isPublicKey(bad)).toBe(false);
    }
  });
});

describe('verifyEs256', () => {
  it('refuses the twin with high S of every signature', () => {
    const { publicKey, privateKey } = generateSigningKeySync();
    const signer = signerFromPkcs8(privateKey);
    const key = createPublicKey({ key: spkiOf(publicKey), format: 'der', type: 'spki' });
    for (let run = 0; run < 20; run += 1) {
      const signature = signer.signSync(utf8('m'));
      const high = twin(signature);
      expect(verify('sha256', utf8('m'), { key, dsaEncoding: 'ieee-p1363' }, high)).toBe(true);
      expect(verifyEs256(publicKey, utf8('m'), high)).toBe(false);
      expect(withLowS(new Uint8Array(high))).toEqual(signature);
    }
  });

  it('answers false for any malformed key or signature, and never throws', () => {
    const { publicKey, privateKey } = generateSigningKeySync();
    const signature = signerFromPkcs8(privateKey).signSync(utf8('m'));
    const offCurve = fromBase64url(publicKey);
    offCurve[64]! ^= 1;
    const hybrid = fromBase64url(publicKey);
    hybrid[0] = 6 + (hybrid[64]! & 1);
    for (const bad of ['', 'x', publicKey.toLowerCase(), toBase64url(offCurve), toBase64url(hybrid)]) {
      expect(verifyEs256(bad, utf8('m'), signature)).toBe(false);
    }
    for (const length of [0, 1, 63, 65, 72])
      expect(verifyEs256(publicKey, utf8('m'), new Uint8Array(length))).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (random) => {
        expect(verifyEs256(publicKey, utf8('m'), random)).toBe(false);
      }),
    );
  });

  it('refuses a signature in which one bit was changed', () => {
    const { publicKey, privateKey } = generateSigningKeySync();
    const signature = signerFromPkcs8(privateKey).signSync(utf8('m'));
    for (let bit = 0; bit < 512; bit += 1) {
      const changed = signature.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(verifyEs256(publicKey, utf8('m'), changed)).toBe(false);
    }
  });

  it('still verifies after more keys than it keeps at hand', () => {
    const { publicKey, privateKey } = generateSigningKeySync();
    const signature = signerFromPkcs8(privateKey).signSync(utf8('m'));
    for (let run = 0; run < VERIFIER_CACHE_MAX + 10; run += 1) isPublicKey(generateSigningKeySync().publicKey);
    expect(verifyEs256(publicKey, utf8('m'), signature)).toBe(true);
  });
});

type EcdsaGroup = {
  readonly publicKey: { readonly uncompressed: string };
  readonly tests: readonly {
    readonly tcId: number;
    readonly msg: string;
    readonly sig: string;
    readonly result: string;
  }[];
};

const wycheproof = testData('wycheproof/ecdsa_secp256r1_sha256_p1363_test.json');

describe('Wycheproof ecdsa_secp256r1_sha256_p1363', () => {
  it.runIf(wycheproof)('is answered as stated, but that valid signatures with high S are refused', () => {
    const { testGroups } = JSON.parse(readFileSync(wycheproof ?? '', 'utf8')) as { testGroups: readonly EcdsaGroup[] };
    const count = { accepted: 0, refused: 0, highS: 0 };
    for (const group of testGroups) {
      const publicKey = toBase64url(bytes(group.publicKey.uncompressed));
      for (const test of group.tests) {
        const signature = bytes(test.sig);
        const verified = verifyEs256(publicKey, bytes(test.msg), signature);
        const highS = test.result === 'valid' && !hasLowS(signature);
        expect(verified, `case ${test.tcId}`).toBe(test.result === 'valid' && !highS);
        if (highS) {
          // The reason is malleability: its low twin, the only form that Salus accepts, verifies.
          expect(verifyEs256(publicKey, bytes(test.msg), twin(signature)), `case ${test.tcId}`).toBe(true);
          count.highS += 1;
        } else if (verified) count.accepted += 1;
        else count.refused += 1;
      }
    }
    expect(count).toEqual({ accepted: 103, refused: 89, highS: 70 });
  });
});

function spkiOf(publicKey: string): Buffer {
  const prefix = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');
  return Buffer.concat([prefix, fromBase64url(publicKey)]);
}
