import { p256Point } from '#primitives';
import { type Bytes, concatBytes, equalBytes, toBase64url } from './bytes.ts';
import { CryptoError } from './crypto-error.ts';

/** An uncompressed point: 0x04 ‖ x ‖ y (SEC 1 §2.3.3). */
export const POINT_BYTES = 65;
export const SCALAR_BYTES = 32;
/** Input of FIPS 186-5 §A.2.1: 64 bits beyond the order, so that the reduction has no measurable bias. */
export const SCALAR_SEED_BYTES = 48;

/** Order n of the P-256 group (SEC 2 §2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const HALF_ORDER = toBytes32(ORDER >> 1n);

/** PKCS #8 with RFC 5915 ECPrivateKey, as OpenSSL, Node and WebCrypto write a P-256 key: prefix ‖ d ‖ infix ‖ point. */
const PKCS8_PREFIX = fromHex('308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420');
const PKCS8_INFIX = fromHex('a144034200');
const PKCS8_BYTES = PKCS8_PREFIX.length + SCALAR_BYTES + PKCS8_INFIX.length + POINT_BYTES;

export type P256Key = { readonly scalar: Bytes; readonly point: Bytes };

/** The key whose scalar is (seed mod (n − 1)) + 1, by FIPS 186-5 §A.2.1; `seed` has 48 bytes. */
export function p256KeyFromSeed(seed: Uint8Array): P256Key {
  if (seed.length !== SCALAR_SEED_BYTES) throw new CryptoError('bad-argument', 'a key seed has 48 bytes');
  const scalar = toBytes32((toInteger(seed) % (ORDER - 1n)) + 1n);
  return { scalar, point: p256Point(scalar) };
}

/** The key of a 32-byte scalar in [1, n − 1], else `bad-key`. */
export function p256KeyFromScalar(scalar: Uint8Array): P256Key {
  const value = scalar.length === SCALAR_BYTES ? toInteger(scalar) : 0n;
  if (value === 0n || value >= ORDER) throw new CryptoError('bad-key', 'a P-256 private key is in [1, n-1]');
  return { scalar: scalar.slice(), point: p256Point(scalar) };
}

export function encodePkcs8(key: P256Key): Bytes {
  return concatBytes(PKCS8_PREFIX, key.scalar, PKCS8_INFIX, key.point);
}

/** Accepts exactly the layout that `encodePkcs8` writes, with a point that belongs to the scalar; else `bad-key`. */
export function parsePkcs8(pkcs8: Uint8Array): P256Key {
  const scalarEnd = PKCS8_PREFIX.length + SCALAR_BYTES;
  const pointStart = scalarEnd + PKCS8_INFIX.length;
  const wellFormed =
    pkcs8.length === PKCS8_BYTES &&
    equalBytes(pkcs8.subarray(0, PKCS8_PREFIX.length), PKCS8_PREFIX) &&
    equalBytes(pkcs8.subarray(scalarEnd, pointStart), PKCS8_INFIX);
  if (!wellFormed) throw new CryptoError('bad-key', 'expected a PKCS #8 P-256 private key with its public point');
  const key = p256KeyFromScalar(pkcs8.subarray(PKCS8_PREFIX.length, scalarEnd));
  if (!equalBytes(key.point, pkcs8.subarray(pointStart))) {
    throw new CryptoError('bad-key', 'the public point does not belong to the private key');
  }
  return key;
}

/** True when S ≤ n/2, so that a signature has one form only (the twin n − S is refused). */
export function hasLowS(signature: Uint8Array): boolean {
  for (let at = 0; at < SCALAR_BYTES; at += 1) {
    const difference = (signature[SCALAR_BYTES + at] ?? 0) - (HALF_ORDER[at] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** The same signature with S ≤ n/2. */
export function withLowS(signature: Bytes): Bytes {
  if (hasLowS(signature)) return signature;
  const s = toInteger(signature.subarray(SCALAR_BYTES));
  return concatBytes(signature.subarray(0, SCALAR_BYTES), toBytes32(ORDER - s));
}

/** `publicKey` everywhere in Salus: base64url of the uncompressed point. */
export function publicKeyText(point: Uint8Array): string {
  return toBase64url(point);
}

function toInteger(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

function toBytes32(value: bigint): Bytes {
  return fromHex(value.toString(16).padStart(2 * SCALAR_BYTES, '0'));
}

function fromHex(hex: string): Bytes {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}
