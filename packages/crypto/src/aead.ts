import { aesGcmOpen, aesGcmSeal } from '#primitives';
import { type Bytes, concatBytes, equalBytes, fromBase64url, randomBytes, toBase64url, utf8 } from './bytes.ts';
import { canonicalBytes, type Json } from './canonical-json.ts';
import { CryptoError } from './crypto-error.ts';

export const KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;
/** Larger content is an attachment in chunks. */
export const OBJECT_PLAINTEXT_BYTES_MAX = 64 * 1024 * 1024;
/** magic 4 ‖ version 1 ‖ algorithm 1 ‖ nonce 12 ‖ … ‖ tag 16. */
export const OBJECT_OVERHEAD_BYTES = 6 + AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

const VERSION = 1;
const AES_256_GCM = 1;
const OBJECT_HEADER = concatBytes(utf8('SOBJ'), Uint8Array.of(VERSION, AES_256_GCM));
const WRAP_HEADER = concatBytes(utf8('SWRP'), Uint8Array.of(VERSION, AES_256_GCM));

/**
 * Encrypts an object: header ‖ nonce ‖ AES-256-GCM(plaintext), authenticated with the header and canonical(context).
 * The nonce is random, so one key may seal at most 2^32 objects (SP 800-38D §8.3); record keys seal one.
 * AES-GCM does not commit to its key: where two keys could be offered for one object, callers check a hash of the plaintext.
 */
export function sealObject(key: Uint8Array, plaintext: Uint8Array, context: readonly Json[]): Bytes {
  if (plaintext.length > OBJECT_PLAINTEXT_BYTES_MAX) {
    throw new CryptoError('too-large', `an object holds at most ${OBJECT_PLAINTEXT_BYTES_MAX} bytes`);
  }
  return seal(OBJECT_HEADER, key, plaintext, context);
}

/** Inverse of `sealObject`. `bad-format` for another layout, `decryption-failed` for another key or context or changed bytes. */
export function openObject(key: Uint8Array, sealed: Uint8Array, context: readonly Json[]): Bytes {
  if (sealed.length > OBJECT_PLAINTEXT_BYTES_MAX + OBJECT_OVERHEAD_BYTES) {
    throw new CryptoError('too-large', `an object holds at most ${OBJECT_PLAINTEXT_BYTES_MAX} bytes`);
  }
  return open(OBJECT_HEADER, key, sealed, context);
}

/** Encrypts a 32-byte key under another, as base64url. The header differs from an object's: neither opens as the other. */
export function wrapKey(kek: Uint8Array, key: Uint8Array, context: readonly Json[]): string {
  requireKey(key);
  return toBase64url(seal(WRAP_HEADER, kek, key, context));
}

/** Inverse of `wrapKey`, with the codes of `openObject`. */
export function unwrapKey(kek: Uint8Array, wrapped: string, context: readonly Json[]): Bytes {
  const key = open(WRAP_HEADER, kek, fromBase64url(wrapped), context);
  requireKey(key);
  return key;
}

function seal(header: Uint8Array, key: Uint8Array, plaintext: Uint8Array, context: readonly Json[]): Bytes {
  requireKey(key);
  const nonce = randomBytes(AEAD_NONCE_BYTES);
  const aad = concatBytes(header, canonicalBytes(context));
  return concatBytes(header, nonce, aesGcmSeal(key, nonce, aad, plaintext));
}

function open(header: Uint8Array, key: Uint8Array, sealed: Uint8Array, context: readonly Json[]): Bytes {
  requireKey(key);
  const body = header.length + AEAD_NONCE_BYTES;
  if (sealed.length < body + AEAD_TAG_BYTES || !equalBytes(sealed.subarray(0, header.length), header)) {
    throw new CryptoError('bad-format', 'sealed bytes have no known magic, version and algorithm');
  }
  const aad = concatBytes(header, canonicalBytes(context));
  const plaintext = aesGcmOpen(key, sealed.subarray(header.length, body), aad, sealed.subarray(body));
  if (plaintext === undefined) {
    throw new CryptoError('decryption-failed', 'sealed bytes do not open with this key and context');
  }
  return plaintext;
}

function requireKey(key: Uint8Array): void {
  if (key.length !== KEY_BYTES) throw new CryptoError('bad-key', 'an AES-256 key has 32 bytes');
}
