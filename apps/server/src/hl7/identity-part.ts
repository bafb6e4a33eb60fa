/** Segments that say who somebody is and that the desk works with; every other may say what ails them. */
const IDENTITY_SEGMENTS: ReadonlySet<string> = new Set(['MSH', 'EVN', 'PID', 'MRG']);

/**
 * What of a message says whose it is. Read byte by byte: the message was refused, nothing about it is known to be right; in
 * every character set that is taken a line's end stands for itself.
 */
export function identityPart(bytes: Uint8Array): Buffer {
  const lines = Buffer.from(bytes)
    .toString('latin1')
    .split(/[\r\n]+/);
  const kept = lines.filter((line) => IDENTITY_SEGMENTS.has(line.slice(0, 3)) && !/^[A-Za-z0-9]/.test(line.slice(3)));
  return Buffer.from(kept.map((line) => `${line}\r`).join(''), 'latin1');
}
