import { p256Signer, p256Verifier } from '#primitives';
import { type Bytes, findBase64url, randomBytes, toBase64url, utf8 } from './bytes.ts';
import { CryptoError } from './crypto-error.ts';
import { hkdfSha256, sha256 } from './hash.ts';
import {
  encodePkcs8,
  hasLowS,
  type P256Key,
  POINT_BYTES,
  p256KeyFromSeed,
  parsePkcs8,
  publicKeyText,
  SCALAR_SEED_BYTES,
  withLowS,
} from './p256.ts';
import type { PointVerifier } from './primitives.ts';

/** ES256 in P1363 form: r ‖ s (RFC 7518 §3.4). */
export const SIGNATURE_BYTES = 64;
/** Verified points kept at hand; one costs about 2 kB in Node. */
export const VERIFIER_CACHE_MAX = 4096;
/** A secret from which keys are derived has at least 128 bits. */
export const DERIVATION_SECRET_BYTES_MIN = 16;

const KID_BYTES = 16;

/** Whoever can sign with one P-256 key: a wallet, a device, a node, a browser's non-extractable key. */
export type Signer = {
  /** base64url of the 65-byte uncompressed point (SEC 1 §2.3.3). */
  readonly publicKey: string;
  /** ES256 with low S, P1363, 64 bytes. */
  sign(message: Uint8Array): Promise<Uint8Array>;
};

/** A signer whose key lies in memory. */
export type SyncSigner = Signer & { signSync(message: Uint8Array): Uint8Array };

export type SigningKey = {
  readonly publicKey: string;
  /** PKCS #8 DER with RFC 5915 ECPrivateKey, 138 bytes. */
  readonly privateKey: Bytes;
};

/** A WebCrypto private key; named structurally because only browsers declare it globally. */
export type WebCryptoKey = Parameters<typeof crypto.subtle.sign>[1];

/** The short name of a public key: base64url(SHA-256(point)[0..16]), 22 characters. Malformed keys throw `bad-key`. */
export function kidOf(publicKey: string): string {
  return toBase64url(sha256(parsePublicKey(publicKey)).subarray(0, KID_BYTES));
}

/** The 65 bytes of a public key, whose point may still be off the curve; malformed text throws `bad-key`. */
export function parsePublicKey(publicKey: string): Bytes {
  const point = findBase64url(publicKey, POINT_BYTES);
  if (point?.[0] !== 4) throw new CryptoError('bad-key', 'expected base64url of an uncompressed P-256 point');
  return point;
}

/** True when the text is a public key and its point is on the curve. */
export function isPublicKey(publicKey: unknown): publicKey is string {
  return typeof publicKey === 'string' && findVerifier(publicKey) !== undefined;
}

/** A fresh key from the platform's secure generator. */
export async function generateSigningKey(): Promise<SigningKey> {
  return generateSigningKeySync();
}

export function generateSigningKeySync(): SigningKey {
  return signingKey(p256KeyFromSeed(randomBytes(SCALAR_SEED_BYTES)));
}

/**
 * The key that `secret` (≥ 16 bytes) and `info` always give: HKDF-SHA-256 to 48 bytes, then FIPS 186-5 §A.2.1.
 * Distinct `info` give independent keys. A short secret throws `bad-argument`.
 */
export function deriveSigningKey(secret: Uint8Array, info: string): SigningKey {
  if (secret.length < DERIVATION_SECRET_BYTES_MIN) {
    throw new CryptoError('bad-argument', `a derivation secret has at least ${DERIVATION_SECRET_BYTES_MIN} bytes`);
  }
  const seed = hkdfSha256(secret, new Uint8Array(0), utf8(`salus:signing-key:v1:${info}`), SCALAR_SEED_BYTES);
  return signingKey(p256KeyFromSeed(seed));
}

/** A signer for a PKCS #8 key as `generateSigningKey`, OpenSSL and WebCrypto write it; else `bad-key`. */
export function signerFromPkcs8(pkcs8: Uint8Array): SyncSigner {
  const key = parsePkcs8(pkcs8);
  const signRaw = p256Signer(key.scalar, key.point);
  const signSync = (message: Uint8Array): Uint8Array => withLowS(signRaw(message));
  return { publicKey: publicKeyText(key.point), signSync, sign: async (message) => signSync(message) };
}

/** A signer for a WebCrypto ECDSA P-256 key, which may be non-extractable. The caller vouches that `publicKey` belongs to it. */
export function signerFromCryptoKey(cryptoKey: WebCryptoKey, publicKey: string): Signer {
  if (!isPublicKey(publicKey)) throw new CryptoError('bad-key', 'expected base64url of a point on P-256');
  return {
    publicKey,
    sign: async (message) => {
      // WebCrypto takes no view of a SharedArrayBuffer: the copy is one.
      const raw = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, cryptoKey, message.slice());
      return withLowS(new Uint8Array(raw));
    },
  };
}

/**
 * Verifies ES256 (RFC 7518 §3.4) in P1363 form. False for anything malformed: key text, point, length, range, and for
 * a high S, so that a signed call has exactly one valid signature per signing. Never throws.
 */
export function verifyEs256(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES || !hasLowS(signature)) return false;
  return findVerifier(publicKey)?.(message, signature) ?? false;
}

const verifiers = new Map<string, PointVerifier>();

/**
 * Verifies signatures of either S by one key; undefined when the text is no public key. Importing a point costs about as
 * much as half a verification, so verifiers are kept; the least recently used are forgotten first.
 */
export function findVerifier(publicKey: string): PointVerifier | undefined {
  const known = verifiers.get(publicKey);
  if (known !== undefined) {
    verifiers.delete(publicKey);
    verifiers.set(publicKey, known);
    return known;
  }
  const point = findBase64url(publicKey, POINT_BYTES);
  if (point?.[0] !== 4) return undefined;
  const verifier = p256Verifier(point);
  if (verifier === undefined) return undefined;
  if (verifiers.size >= VERIFIER_CACHE_MAX) {
    const [oldest] = verifiers.keys();
    if (oldest !== undefined) verifiers.delete(oldest);
  }
  verifiers.set(publicKey, verifier);
  return verifier;
}

function signingKey(key: P256Key): SigningKey {
  return { publicKey: publicKeyText(key.point), privateKey: encodePkcs8(key) };
}
