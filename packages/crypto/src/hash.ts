import { hmacSha256 as hmac, sha256 as sha256OfPlatform, sha256Base64url as sha256Text } from '#primitives';
import { type Bytes, concatBytes, fromBase64url } from './bytes.ts';
import { canonical, type Json } from './canonical-json.ts';
import { CryptoError } from './crypto-error.ts';

export const SHA256_BYTES = 32;
/** RFC 5869 §2.3: at most 255 blocks of output. */
export const HKDF_BYTES_MAX = 255 * SHA256_BYTES;

const USE = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** SHA-256 (FIPS 180-4): 32 bytes. */
export function sha256(bytes: Uint8Array): Bytes {
  return sha256OfPlatform(bytes);
}

/** base64url of `sha256`, 43 characters. */
export function sha256Base64url(bytes: Uint8Array): string {
  return sha256Text(bytes);
}

/** HMAC-SHA-256 (RFC 2104): 32 bytes. */
export function hmacSha256(key: Uint8Array, message: Uint8Array): Bytes {
  return hmac(key, message);
}

/** HKDF-SHA-256 (RFC 5869), extract and expand; `length` in [0, 8160] bytes, else `bad-argument`. */
export function hkdfSha256(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Bytes {
  return hkdfSha256Expand(hmac(salt, ikm), info, length);
}

/** HKDF-Expand (RFC 5869 §2.3) of a pseudorandom key; `length` as above. */
export function hkdfSha256Expand(pseudorandomKey: Uint8Array, info: Uint8Array, length: number): Bytes {
  if (!Number.isInteger(length) || length < 0 || length > HKDF_BYTES_MAX) {
    throw new CryptoError('bad-argument', `HKDF gives 0 to ${HKDF_BYTES_MAX} bytes`);
  }
  const okm = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let counter = 1, at = 0; at < length; counter += 1, at += SHA256_BYTES) {
    block = hmac(pseudorandomKey, concatBytes(block, info, Uint8Array.of(counter)));
    okm.set(block.subarray(0, length - at), at);
  }
  return okm;
}

/**
 * The hash of a tuple: base64url(SHA-256(canonical(["salus:<use>:v1", ...items]))), 43 characters.
 * `use` separates domains; it is lower-case kebab, else `bad-argument`.
 */
export function hashTuple(use: string, ...items: readonly Json[]): string {
  if (!USE.test(use)) throw new CryptoError('bad-argument', 'the use of a hashed tuple is lower-case kebab');
  return sha256Text(canonical([`salus:${use}:v1`, ...items]));
}

/** As `hashTuple`, as 32 bytes. */
export function hashTupleBytes(use: string, ...items: readonly Json[]): Bytes {
  return fromBase64url(hashTuple(use, ...items));
}

/** base64url(SHA-256(canonical(value))), 43 characters. */
export function hashCanonical(value: Json): string {
  return sha256Text(canonical(value));
}
