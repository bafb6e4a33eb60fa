import { createCipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { testData } from '@salus/testing';
import {
  AEAD_AES_128_GCM,
  AEAD_AES_256_GCM,
  AEAD_ChaCha20Poly1305,
  AEAD_EXPORT_ONLY,
  CipherSuite,
  KDF_HKDF_SHA256,
  KDF_HKDF_SHA512,
  KEM_DHKEM_P256_HKDF_SHA256,
  KEM_DHKEM_P521_HKDF_SHA512,
  KEM_DHKEM_X25519_HKDF_SHA256,
  type RecipientContext,
} from 'hpke';
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
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));

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

type Setup = {
  readonly mode: string;
  readonly kem_id: string;
  readonly kdf_id: string;
  readonly aead_id: string;
  readonly info: string;
  readonly ikmR: string;
  readonly pkRm: string;
  readonly skRm: string;
  readonly psk?: string;
  readonly psk_id?: string;
  readonly enc: string;
  readonly key?: string;
  readonly base_nonce?: string;
  readonly encryptions?: readonly {
    readonly seq: string;
    readonly pt: string;
    readonly aad: string;
    readonly nonce: string;
    readonly ct: string;
  }[];
  readonly exports: readonly {
    readonly exporter_context: string;
    readonly L: string;
    readonly exported_value: string;
  }[];
};

const KEMS = new Map([
  ['16', KEM_DHKEM_P256_HKDF_SHA256],
  ['18', KEM_DHKEM_P521_HKDF_SHA512],
  ['32', KEM_DHKEM_X25519_HKDF_SHA256],
]);
const KDFS = new Map([
  ['1', KDF_HKDF_SHA256],
  ['3', KDF_HKDF_SHA512],
]);
const AEADS = new Map([
  ['1', AEAD_AES_128_GCM],
  ['2', AEAD_AES_256_GCM],
  ['3', AEAD_ChaCha20Poly1305],
  ['65535', AEAD_EXPORT_ONLY],
]);
const CIPHERS = new Map([
  ['1', 'aes-128-gcm'],
  ['2', 'aes-256-gcm'],
  ['3', 'chacha20-poly1305'],
]);

const vectors = testData('hpke/hpke-rfc9180-vectors.json');

/**
 * The vectors lack the very suite of Salus, but have each part of it: DHKEM(P-256) with HKDF-SHA256 under two other
 * AEADs, and AES-256-GCM under another KEM.
 */
describe('RFC 9180 appendix A', () => {
  it.runIf(vectors)('is met by the library in every suite and both modes it has', async () => {
    const suites = JSON.parse(readFileSync(vectors ?? '', 'utf8')) as readonly { setups: readonly Setup[] }[];
    const seen = { setups: 0, opened: 0, exported: 0, authModes: 0 };
    for (const setup of suites.flatMap((each) => each.setups)) {
      if (setup.mode === '2' || setup.mode === '3') {
        // Modes Auth and AuthPSK are not in the library (draft-ietf-hpke-hpke left them out); Salus signs instead.
        seen.authModes += 1;
        continue;
      }
      seen.setups += 1;
      const suite = new CipherSuite(KEMS.get(setup.kem_id)!, KDFS.get(setup.kdf_id)!, AEADS.get(setup.aead_id)!);
      const pair = await suite.DeriveKeyPair(bytes(setup.ikmR), true);
      expect(hex(await suite.SerializePublicKey(pair.publicKey))).toBe(setup.pkRm);
      expect(hex(await suite.SerializePrivateKey(pair.privateKey))).toBe(setup.skRm);
      const psk = setup.psk === undefined ? {} : { psk: bytes(setup.psk), pskId: bytes(setup.psk_id ?? '') };
      const context = await suite.SetupRecipient(pair, bytes(setup.enc), { info: bytes(setup.info), ...psk });
      for (const { exporter_context, L, exported_value } of setup.exports) {
        expect(hex(await context.Export(bytes(exporter_context), Number(L)))).toBe(exported_value);
        seen.exported += 1;
      }
      seen.opened += await openAll(context, setup);
    }
    expect(seen).toEqual({ setups: 14, opened: 72, exported: 42, authModes: 14 });
  });
});

/** Opens the stated ciphertexts in order; a context counts its messages, so those between are made up on the way. */
async function openAll(context: RecipientContext, setup: Setup): Promise<number> {
  let opened = 0;
  let sequence = 0;
  for (const { seq, pt, aad, nonce, ct } of setup.encryptions ?? []) {
    for (; sequence < Number(seq); sequence += 1) await context.Open(filler(setup, sequence));
    expect(hex(nonceAt(setup, sequence))).toBe(nonce);
    expect(hex(await context.Open(bytes(ct), bytes(aad)))).toBe(pt);
    sequence += 1;
    opened += 1;
  }
  return opened;
}

function filler(setup: Setup, sequence: number): Uint8Array {
  const name = CIPHERS.get(setup.aead_id) as 'aes-256-gcm';
  const cipher = createCipheriv(name, bytes(setup.key ?? ''), nonceAt(setup, sequence), { authTagLength: 16 });
  const ciphertext = Buffer.concat([cipher.update(''), cipher.final()]);
  return new Uint8Array(Buffer.concat([ciphertext, cipher.getAuthTag()]));
}

function nonceAt(setup: Setup, sequence: number): Uint8Array {
  const nonce = bytes(setup.base_nonce ?? '');
  nonce[11]! ^= sequence & 255;
  nonce[10]! ^= sequence >> 8;
  return nonce;
}
