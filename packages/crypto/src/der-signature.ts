import type { Bytes } from './primitives.ts';

const INTEGER = 0x02;
const SEQUENCE = 0x30;
const NUMBER_BYTES = 32;

/**
 * `r ‖ s`, 32 bytes each (IEEE P1363), of a P-256 signature in DER (`SEQUENCE { r INTEGER, s INTEGER }`, RFC 3279
 * §2.2.3) that this platform has just made; what comes from elsewhere goes through `findP1363`.
 */
export function signatureFromDer(der: Uint8Array): Bytes {
  const rBytes = der[3] ?? 0;
  const sBytes = der[5 + rBytes] ?? 0;
  const isWhole = der[0] === SEQUENCE && der[2] === INTEGER && der[4 + rBytes] === INTEGER;
  if (!isWhole || der.length !== 6 + rBytes + sBytes) throw new RangeError('this is no DER signature of P-256');
  const signature = new Uint8Array(2 * NUMBER_BYTES);
  // A leading zero, which keeps a number positive, makes it 33 bytes.
  const r = der.subarray(4 + Math.max(0, rBytes - NUMBER_BYTES), 4 + rBytes);
  const s = der.subarray(6 + rBytes + Math.max(0, sBytes - NUMBER_BYTES));
  signature.set(r, NUMBER_BYTES - r.length);
  signature.set(s, 2 * NUMBER_BYTES - s.length);
  return signature;
}
