import { CryptoError } from './crypto-error.ts';
import { SCALAR_BYTES } from './p256.ts';
import type { Bytes } from './primitives.ts';

/** One element of DER (X.690 §10): its tag, its content, and all of it as it stands. */
export type DerElement = { readonly tag: number; readonly content: Uint8Array; readonly raw: Uint8Array };

export const DER = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/**
 * Reads one element that fills `bytes`. Strict: short tags, definite minimal lengths, nothing behind. What verifies on
 * a ledger must parse alike everywhere and for thirty years, so this does not depend on a library's leniency.
 * Everything else throws `bad-certificate`.
 */
export function parseDer(bytes: Uint8Array): DerElement {
  const element = elementAt(bytes, 0);
  if (element.raw.length !== bytes.length) throw malformed();
  return element;
}

/** The elements of a constructed element's content. */
export function childrenOf(element: DerElement): readonly DerElement[] {
  const children: DerElement[] = [];
  for (let at = 0; at < element.content.length; ) {
    const child = elementAt(element.content, at);
    children.push(child);
    at += child.raw.length;
  }
  return children;
}

/** The element, if it is there and has the tag; else throws `bad-certificate`. */
export function requireTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw malformed();
  return element;
}

/** A positive INTEGER of minimal length as lower-case hex of whole bytes, without the sign byte. */
export function positiveHex(element: DerElement | undefined): string {
  const { content } = requireTag(element, DER.integer);
  const [first, second] = content;
  const negative = first === undefined || first >= 0x80;
  const padded = first === 0 && second !== undefined && second < 0x80;
  const zero = first === 0 && second === undefined;
  if (negative || padded || zero) throw malformed();
  return hexOf(first === 0 ? content.subarray(1) : content);
}

export function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

/** Milliseconds of a UTCTime or GeneralizedTime in the only forms of RFC 5280 §4.1.2.5. */
export function timeMs(element: DerElement | undefined): number {
  const text = String.fromCharCode(...(element?.content ?? []));
  const match = /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) throw malformed();
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const short = match[1]?.length === 2;
  if (element?.tag !== (short ? DER.utcTime : DER.generalizedTime)) throw malformed();
  // Two digits mean 1950 to 2049, and years that fit them must use them.
  const fullYear = short ? year + (year < 50 ? 2000 : 1900) : year;
  if (!short && fullYear < 2050) throw malformed();
  const ms = Date.UTC(fullYear, month - 1, day, hour, minute, second);
  const written = new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14);
  if (written !== `${fullYear}${match.slice(2).join('')}`) throw malformed();
  return ms;
}

/** Ecdsa-Sig-Value (RFC 3279 §2.2.3) of P-256 as r ‖ s; undefined when it is not DER or out of 256 bits. */
export function findP1363(der: Uint8Array): Bytes | undefined {
  try {
    const [r, s, ...rest] = childrenOf(requireTag(parseDer(der), DER.sequence));
    const [rHex, sHex] = [positiveHex(r), positiveHex(s)];
    if (rest.length > 0 || rHex.length > 2 * SCALAR_BYTES || sHex.length > 2 * SCALAR_BYTES) return undefined;
    const signature = new Uint8Array(2 * SCALAR_BYTES);
    writeRight(signature, rHex, SCALAR_BYTES);
    writeRight(signature, sHex, 2 * SCALAR_BYTES);
    return signature;
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

function writeRight(target: Uint8Array, hex: string, end: number): void {
  const start = end - hex.length / 2;
  for (let at = start; at < end; at += 1) {
    target[at] = Number.parseInt(hex.slice(2 * (at - start), 2 * (at - start) + 2), 16);
  }
}

function elementAt(bytes: Uint8Array, start: number): DerElement {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed();
  const { length, headerBytes } =
    first < 0x80 ? { length: first, headerBytes: 2 } : longLength(bytes, start, first & 0x7f);
  const contentStart = start + headerBytes;
  const end = contentStart + length;
  if (end > bytes.length) throw malformed();
  return { tag, content: bytes.subarray(contentStart, end), raw: bytes.subarray(start, end) };
}

/** Two bytes of length are enough for any certificate. */
const LENGTH_BYTES_MAX = 2;

function longLength(bytes: Uint8Array, start: number, count: number): { length: number; headerBytes: number } {
  if (count === 0 || count > LENGTH_BYTES_MAX) throw malformed();
  let length = 0;
  for (let at = 0; at < count; at += 1) length = length * 256 + (bytes[start + 2 + at] ?? 0);
  const minimal = count === 1 ? length >= 0x80 : length >= 0x100;
  if (!minimal) throw malformed();
  return { length, headerBytes: 2 + count };
}

function malformed(): CryptoError {
  return new CryptoError('bad-certificate', 'expected DER of the certificate profile');
}
