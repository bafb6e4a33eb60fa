import { gcm } from '@noble/ciphers/aes.js';
import { p256 } from '@noble/curves/nist.js';
import { argon2idAsync } from '@noble/hashes/argon2.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import type { Bytes, Primitives } from './primitives.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const CODES = new Map([...ALPHABET].map((character, value) => [character.charCodeAt(0), value]));
/** String.fromCharCode takes its input as arguments, whose number engines bound near 2^16. */
const SPREAD_MAX = 1 << 13;

export const sha256: Primitives['sha256'] = (bytes) => own(nobleSha256(bytes));

export const sha256Base64url: Primitives['sha256Base64url'] = (data) =>
  encodeBase64url(nobleSha256(typeof data === 'string' ? new TextEncoder().encode(data) : data));

export const hmacSha256: Primitives['hmacSha256'] = (key, message) => own(hmac(nobleSha256, key, message));

export const encodeBase64url: Primitives['encodeBase64url'] = (bytes) => {
  const codes = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  let out = 0;
  for (let at = 0; at < bytes.length; at += 3) {
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    // A write past the end of a typed array is ignored: this drops the characters that padding would replace.
    for (let shift = 18; shift >= 0; shift -= 6) codes[out++] = ALPHABET.charCodeAt((word >> shift) & 63);
  }
  let text = '';
  for (let at = 0; at < codes.length; at += SPREAD_MAX) {
    text += String.fromCharCode(...codes.subarray(at, at + SPREAD_MAX));
  }
  return text;
};

export const decodeBase64url: Primitives['decodeBase64url'] = (text) => {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4));
  let out = 0;
  let bits = 0;
  let word = 0;
  for (let at = 0; at < text.length; at += 1) {
    word = ((word << 6) | (CODES.get(text.charCodeAt(at)) ?? 0)) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[out++] = word >> bits;
    }
  }
  return bytes;
};

export const aesGcmSeal: Primitives['aesGcmSeal'] = (key, nonce, aad, plaintext) =>
  own(gcm(key, nonce, aad).encrypt(plaintext));

export const aesGcmOpen: Primitives['aesGcmOpen'] = (key, nonce, aad, sealed) => {
  try {
    return own(gcm(key, nonce, aad).decrypt(sealed));
  } catch {
    // The library reports a wrong tag, and input shorter than one, only by throwing.
    return undefined;
  }
};

export const p256Point: Primitives['p256Point'] = (scalar) => own(p256.getPublicKey(scalar, false));

export const p256Verifier: Primitives['p256Verifier'] = (point) => {
  try {
    p256.Point.fromBytes(point).assertValidity();
  } catch {
    // The library refuses a point off the curve only by throwing.
    return undefined;
  }
  const held = point.slice();
  return (message, signature) => {
    try {
      return p256.verify(signature, message, held, { lowS: false });
    } catch {
      // r or s outside [1, n−1] is an exception in the library and a plain refusal here.
      return false;
    }
  };
};

export const p256Signer: Primitives['p256Signer'] = (scalar) => {
  const held = scalar.slice();
  return (message) => own(p256.sign(message, held));
};

export const p256SharedSecret: Primitives['p256SharedSecret'] = (scalar, point) => {
  try {
    return p256.getSharedSecret(scalar, point).slice(1);
  } catch {
    // The library refuses a point off the curve only by throwing.
    return undefined;
  }
};

export const argon2id: Primitives['argon2id'] = async (passphrase, salt, cost) =>
  own(await argon2idAsync(passphrase, salt, { m: cost.memoryKib, t: cost.passes, p: cost.lanes, dkLen: 32 }));

/** The libraries allocate their results themselves; only the declared buffer type is wider. */
function own(bytes: Uint8Array): Bytes {
  return bytes.buffer instanceof ArrayBuffer
    ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
    : bytes.slice();
}
