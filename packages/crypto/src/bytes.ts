import { decodeBase64url, encodeBase64url } from '#primitives';
import { CryptoError } from './crypto-error.ts';
import type { Bytes } from './primitives.ts';

export type { Bytes } from './primitives.ts';

/** One call of `randomBytes`; the limit of `getRandomValues` (W3C WebCrypto §10.1.1). */
export const RANDOM_BYTES_MAX = 65_536;

const BASE64URL = /^[A-Za-z0-9_-]*$/;
/** Characters whose low 2 or 4 bits are zero: the only ones that may end a text of 4k+3 or 4k+2 characters. */
const ENDS_24_BITS = /[AEIMQUYcgkosw048]$/;
const ENDS_12_BITS = /[AQgw]$/;

/** Keys, salts, nonces and ids are drawn together: each call of the generator costs 3 µs, whatever it gives. */
const drawn = new Uint8Array(4096);
const DRAWN_SHARE_MAX = 64;
let drawnAt = drawn.length;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** base64url without padding (RFC 4648 §5). */
export function toBase64url(bytes: Uint8Array): string {
  return encodeBase64url(bytes);
}

/**
 * Strict inverse of `toBase64url`: every byte string has exactly one accepted text.
 * Refuses padding, other characters and non-zero trailing bits with `bad-encoding`.
 */
export function fromBase64url(text: string): Bytes {
  const tail = text.length % 4;
  const canonical =
    BASE64URL.test(text) &&
    (tail === 0 || (tail === 2 && ENDS_12_BITS.test(text)) || (tail === 3 && ENDS_24_BITS.test(text)));
  if (!canonical) throw new CryptoError('bad-encoding', 'expected canonical base64url without padding');
  return decodeBase64url(text);
}

/** As `fromBase64url`, but undefined for any malformed text or another length. For verifiers that answer false. */
export function findBase64url(text: unknown, length: number): Bytes | undefined {
  if (typeof text !== 'string' || text.length !== Math.ceil((length * 4) / 3)) return undefined;
  try {
    return fromBase64url(text);
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

/** UTF-8 of a string without lone surrogates; others are refused with `bad-encoding` instead of being replaced. */
export function utf8(text: string): Bytes {
  if (!text.isWellFormed()) throw new CryptoError('bad-encoding', 'text holds a lone surrogate');
  return encoder.encode(text);
}

/** Strict inverse of `utf8`: malformed bytes are refused with `bad-encoding`, a byte order mark is kept. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new CryptoError('bad-encoding', 'bytes are not UTF-8', { cause });
  }
}

export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Compares without a branch on content; only the lengths may leak. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at += 1) difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return difference === 0;
}

/** Bytes of the platform's secure generator; `length` in [0, 65536], else `bad-argument`. */
export function randomBytes(length: number): Bytes {
  if (!Number.isInteger(length) || length < 0 || length > RANDOM_BYTES_MAX) {
    throw new CryptoError('bad-argument', `randomBytes takes 0 to ${RANDOM_BYTES_MAX}`);
  }
  if (length > DRAWN_SHARE_MAX) return crypto.getRandomValues(new Uint8Array(length));
  if (drawnAt + length > drawn.length) {
    crypto.getRandomValues(drawn);
    drawnAt = 0;
  }
  const share = drawn.slice(drawnAt, drawnAt + length);
  // What was given out is kept nowhere else.
  drawn.fill(0, drawnAt, drawnAt + length);
  drawnAt += length;
  return share;
}
