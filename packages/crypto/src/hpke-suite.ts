import {
  type AEAD,
  AEAD_AES_256_GCM,
  concat,
  I2OSP,
  type KDF,
  KDF_HKDF_SHA256,
  type KEM,
  type Key,
  LabeledExpand,
  LabeledExtract,
} from 'hpke';
import { aesGcmOpen, aesGcmSeal, hmacSha256, p256SharedSecret } from '#primitives';
import { type Bytes, concatBytes, randomBytes, utf8 } from './bytes.ts';
import { CryptoError } from './crypto-error.ts';
import { hkdfSha256Expand } from './hash.ts';
import {
  type P256Key,
  POINT_BYTES,
  p256KeyFromScalar,
  p256KeyFromSeed,
  SCALAR_BYTES,
  SCALAR_SEED_BYTES,
} from './p256.ts';
import type { WebCryptoKey } from './signature.ts';

/**
 * The three parts of the HPKE suite over this package's primitives. The library's own parts make some twenty calls into
 * WebCrypto for one envelope, each a trip to a thread: in Node these are ten times as fast. The protocol stays the library's.
 */

/** A key as the library passes it around: a point, or a private scalar, or a WebCrypto key that cannot be read. */
export type KemKey = Key & { readonly point?: Bytes; readonly secret?: Bytes | WebCryptoKey };

const ALGORITHM = { name: 'ECDH', namedCurve: 'P-256' };
/** RFC 9180 §7.1. */
const KEM_ID = 0x0010;
const SUITE_ID = concatBytes(utf8('KEM'), I2OSP(KEM_ID, 2));
const EMPTY = new Uint8Array(0);
/** RFC 9180 §7.1.3: a candidate fails with probability 2^-32. */
const CANDIDATES_MAX = 256;

export function publicKemKey(point: Bytes): KemKey {
  return { algorithm: ALGORITHM, extractable: true, type: 'public', point };
}

export function privateKemKey(secret: Bytes | WebCryptoKey): KemKey {
  return { algorithm: ALGORITHM, extractable: secret instanceof Uint8Array, type: 'private', secret };
}

/** HKDF-SHA256. */
export function hkdfSha256Kdf(): Readonly<KDF> {
  return {
    ...KDF_HKDF_SHA256(),
    Extract: async (salt, ikm) => hmacSha256(salt, ikm),
    Expand: async (prk, info, length) => hkdfSha256Expand(prk, info, length),
  };
}

/** AES-256-GCM. */
export function aes256Gcm(): Readonly<AEAD> {
  return {
    ...AEAD_AES_256_GCM(),
    Seal: async (key, nonce, aad, plaintext) => aesGcmSeal(key, nonce, aad, plaintext),
    Open: async (key, nonce, aad, ciphertext) => {
      const plaintext = aesGcmOpen(key, nonce, aad, ciphertext);
      if (plaintext === undefined) throw new CryptoError('decryption-failed', 'the tag does not authenticate');
      return plaintext;
    },
  };
}

/** DHKEM(P-256, HKDF-SHA256) (RFC 9180 §4.1). */
export function dhkemP256(): Readonly<KEM<KemKey>> {
  const deserialise = (scalar: Uint8Array): KemKey => privateKemKey(p256KeyFromScalar(scalar).scalar);
  const pairOf = (key: P256Key): { publicKey: KemKey; privateKey: KemKey } => ({
    publicKey: publicKemKey(key.point),
    privateKey: privateKemKey(key.scalar),
  });
  return {
    id: KEM_ID,
    type: 'KEM',
    name: 'DHKEM(P-256, HKDF-SHA256)',
    Nsecret: 32,
    Nenc: POINT_BYTES,
    Npk: POINT_BYTES,
    Nsk: SCALAR_BYTES,
    DeriveKeyPair: async (ikm) => pairOf(await deriveKey(ikm)),
    GenerateKeyPair: async () => pairOf(p256KeyFromSeed(randomBytes(SCALAR_SEED_BYTES))),
    SerializePublicKey: async (key) => pointOf(key),
    DeserializePublicKey: async (point) => publicKemKey(new Uint8Array(point)),
    SerializePrivateKey: async ({ secret }) => {
      if (!(secret instanceof Uint8Array)) throw new CryptoError('bad-key', 'this private key cannot be read');
      return secret;
    },
    DeserializePrivateKey: async (scalar) => deserialise(scalar),
    Encap: async (recipient) => {
      const ephemeral = p256KeyFromSeed(randomBytes(SCALAR_SEED_BYTES));
      const shared = requirePoint(p256SharedSecret(ephemeral.scalar, pointOf(recipient)));
      return { shared_secret: await expandShared(shared, ephemeral.point, pointOf(recipient)), enc: ephemeral.point };
    },
    Decap: async (enc, { secret }, recipient) => {
      if (secret === undefined || recipient === undefined) throw new CryptoError('bad-key', 'a key pair is needed');
      const shared =
        secret instanceof Uint8Array
          ? requirePoint(p256SharedSecret(secret, enc))
          : await deriveWithWebCrypto(secret, enc);
      return expandShared(shared, enc, pointOf(recipient));
    },
  };
}

/** ExtractAndExpand (RFC 9180 §4.1). */
async function expandShared(shared: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Promise<Uint8Array> {
  const kdf = hkdfSha256Kdf();
  const prk = await LabeledExtract(kdf, SUITE_ID, EMPTY, utf8('eae_prk'), shared);
  return LabeledExpand(kdf, SUITE_ID, prk, utf8('shared_secret'), concat(enc, recipient), 32);
}

/** DeriveKeyPair (RFC 9180 §7.1.3). */
async function deriveKey(ikm: Uint8Array): Promise<P256Key> {
  const kdf = hkdfSha256Kdf();
  const prk = await LabeledExtract(kdf, SUITE_ID, EMPTY, utf8('dkp_prk'), ikm);
  for (let counter = 0; counter < CANDIDATES_MAX; counter += 1) {
    const candidate = await LabeledExpand(kdf, SUITE_ID, prk, utf8('candidate'), I2OSP(counter, 1), SCALAR_BYTES);
    try {
      return p256KeyFromScalar(candidate);
    } catch (error) {
      // Zero or beyond the order: the RFC takes the next candidate.
      if (!(error instanceof CryptoError)) throw error;
    }
  }
  throw new CryptoError('bad-key', 'no candidate is a private key');
}

async function deriveWithWebCrypto(privateKey: WebCryptoKey, point: Uint8Array): Promise<Bytes> {
  const publicKey = await crypto.subtle.importKey('raw', new Uint8Array(point), ALGORITHM, false, []);
  const shared = await crypto.subtle.deriveBits({ name: 'ECDH', public: publicKey }, privateKey, 8 * SCALAR_BYTES);
  return new Uint8Array(shared);
}

function pointOf(key: KemKey): Bytes {
  return requirePoint(key.point);
}

function requirePoint(point: Bytes | undefined): Bytes {
  if (point === undefined) throw new CryptoError('bad-key', 'expected a point on P-256');
  return point;
}
