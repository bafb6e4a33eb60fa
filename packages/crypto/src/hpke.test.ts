import { describe, expect, it } from 'vitest';
import { fromBase64url, randomBytes, toBase64url, utf8 } from './bytes.ts';
import type { Json } from './canonical-json.ts';
import {
  deriveHpkeKey,
  generateHpkeKey,
  HPKE_PLAINTEXT_BYTES_MAX,
  openHpke,
  parseSealedEnvelope,
  type SealedEnvelope,
  sealHpke,
} from './hpke.ts';
import { generateSigningKeySync, kidOf } from './signature.ts';

const code = (name: string): unknown => expect.objectContaining({ name: 'CryptoError', code: name });

describe('an envelope', () => {
  it('opens for its recipient with the same info and aad', async () => {
    const key = await generateHpkeKey();
    const info = ['salus:E:v1', 'network', 3, null];
    const aad = utf8('aad');
    for (const size of [0, 1, 32, 5000]) {
      const plaintext = randomBytes(size);
      const envelope = await sealHpke({ publicKey: key.publicKey, info, aad, plaintext });
      expect(envelope).toMatchObject({
        version: 'salus:hpke:v1',
        suite: 'P256-HKDF-SHA256-AES256GCM',
        kid: kidOf(key.publicKey),
      });
      expect(
        await openHpke({ ...key, info, aad, envelope: JSON.parse(JSON.stringify(envelope)) as SealedEnvelope }),
      ).toEqual(plaintext);
    }
  });

  it('opens for no other key, info or aad', async () => {
    const [key, other] = [await generateHpkeKey(), await generateHpkeKey()];
    const info = ['salus:E:v1', 'network'];
    const envelope = await sealHpke({ publicKey: key.publicKey, info, plaintext: utf8('secret') });
    const failing = [
      { ...other, info, envelope },
      { ...key, privateKey: other.privateKey, info, envelope },
      { ...other, info, envelope: { ...envelope, kid: kidOf(other.publicKey) } },
      { ...key, info: ['salus:E:v1'], envelope },
      { ...key, info: [...info, null], envelope },
      { ...key, info, aad: utf8('x'), envelope },
    ];
    for (const input of failing) await expect(openHpke(input)).rejects.toThrow(code('decryption-failed'));
  });

  it('is refused after any change of its encapsulated key or ciphertext', async () => {
    const key = await generateHpkeKey();
    const envelope = await sealHpke({ publicKey: key.publicKey, info: [], plaintext: utf8('secret') });
    const flipped = (text: string, at: number): string => {
      const changed = fromBase64url(text);
      changed[at]! ^= 1;
      return toBase64url(changed);
    };
    for (let at = 0; at < 22; at += 1) {
      const changed = { ...envelope, ciphertext: flipped(envelope.ciphertext, at) };
      await expect(openHpke({ ...key, info: [], envelope: changed })).rejects.toThrow(code('decryption-failed'));
    }
    for (const at of [1, 32, 64]) {
      const changed = { ...envelope, enc: flipped(envelope.enc, at) };
      await expect(openHpke({ ...key, info: [], envelope: changed })).rejects.toThrow(code('decryption-failed'));
    }
  });

  it('opens with a non-extractable WebCrypto key', async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits']);
    const publicKey = toBase64url(new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey)));
    const envelope = await sealHpke({ publicKey, info: [1], plaintext: utf8('secret') });
    expect(await openHpke({ publicKey, privateKey: pair.privateKey, info: [1], envelope })).toEqual(utf8('secret'));
  });

  it('is sealed to a point on the curve only, within its size', async () => {
    const publicKey = toBase64url(Uint8Array.of(4, ...randomBytes(64)));
    await expect(sealHpke({ publicKey, info: [], plaintext: utf8('') })).rejects.toThrow(code('bad-key'));
    await expect(sealHpke({ publicKey: 'x', info: [], plaintext: utf8('') })).rejects.toThrow(code('bad-key'));
    const key = generateSigningKeySync();
    const plaintext = new Uint8Array(HPKE_PLAINTEXT_BYTES_MAX + 1);
    await expect(sealHpke({ publicKey: key.publicKey, info: [], plaintext })).rejects.toThrow(code('too-large'));
    const envelope = await sealHpke({ publicKey: key.publicKey, info: [], plaintext: utf8('') });
    const { publicKey: own } = key;
    await expect(openHpke({ publicKey: own, privateKey: new Uint8Array(32), info: [], envelope })).rejects.toThrow(
      code('bad-key'),
    );
  });

  it('is parsed strictly', async () => {
    const { publicKey } = await generateHpkeKey();
    const envelope = await sealHpke({ publicKey, info: [], plaintext: utf8('x') });
    expect(parseSealedEnvelope(envelope)).toEqual(envelope);
    const { kid: _kid, ...incomplete } = envelope;
    const malformed: Json[] = [
      null,
      [],
      'x',
      incomplete,
      { ...envelope, extra: 1 },
      { ...envelope, version: 'salus:hpke:v2' },
      { ...envelope, suite: 'X25519' },
      { ...envelope, kid: 'x' },
      { ...envelope, enc: envelope.enc.slice(4) },
      { ...envelope, enc: `A${envelope.enc.slice(1)}` },
      { ...envelope, ciphertext: `${envelope.ciphertext}=` },
      { ...envelope, ciphertext: 7 },
      { ...envelope, ciphertext: 'A'.repeat(1_400_000) },
    ];
    for (const value of malformed) expect(() => parseSealedEnvelope(value)).toThrow(code('bad-format'));
  });
});

describe('deriveHpkeKey', () => {
  it('gives the same key for the same secret and info, and another for any other', async () => {
    const secret = randomBytes(32);
    const key = await deriveHpkeKey(secret, 'a');
    expect(await deriveHpkeKey(secret, 'a')).toEqual(key);
    const others = [await deriveHpkeKey(secret, 'b'), await deriveHpkeKey(randomBytes(32), 'a')];
    expect(new Set([key, ...others].map((each) => each.publicKey)).size).toBe(3);
    const envelope = await sealHpke({ publicKey: key.publicKey, info: [], plaintext: utf8('x') });
    expect(await openHpke({ ...key, info: [], envelope })).toEqual(utf8('x'));
    await expect(deriveHpkeKey(randomBytes(15), 'a')).rejects.toThrow(code('bad-argument'));
  });

  it('never changes: wallets of thirty years depend on it', async () => {
    expect((await deriveHpkeKey(new Uint8Array(32).fill(7), 'fixed')).publicKey).toBe(
      'BIar_zUYZ_vckKDf1tNBWzFdOuZgg5EjZdsYgC9nAtAK-9WvvsAsUDLBGtbxHFG5P1CA6oMfAIAReIC8gyJeQEI',
    );
  });
});
