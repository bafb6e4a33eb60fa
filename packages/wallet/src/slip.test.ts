import { randomBytes, toBase64url } from '@salus/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromCrockford, toCrockford } from './crockford.ts';
import { formatRecoveryCode, parseRecoveryCode } from './recovery-code.ts';
import { formatSlip, parseSlip } from './slip.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('slips', () => {
  it('come back as they were printed', () => {
    fc.assert(
      fc.property(bytes(16), bytes(16), bytes(16), (network, pid, seed) => {
        const slip = { network: toBase64url(network), organisation: 'hospital-a', pid: toBase64url(pid), seed };
        expect(parseSlip(formatSlip(slip))).toEqual(slip);
      }),
    );
  });

  it('are refused when any one character was misread', () => {
    const id = (): string => toBase64url(randomBytes(16));
    const text = formatSlip({ network: id(), organisation: 'hospital-a', pid: id(), seed: randomBytes(16) });
    let tried = 0;
    for (let at = 0; at < text.length; at++) {
      const misread = `${text.slice(0, at)}${text[at] === 'x' ? 'y' : 'x'}${text.slice(at + 1)}`;
      expect(() => parseSlip(misread)).toThrow(expect.objectContaining({ code: 'bad-slip' }));
      tried++;
    }
    expect(tried).toBe(text.length);
  });
});

describe('recovery codes', () => {
  it('come back as they were printed, in lower case and with the letters that look like digits', () => {
    fc.assert(
      fc.property(bytes(32), (secret) => {
        const code = formatRecoveryCode(secret);
        expect(code).toMatch(/^(?:[0-9A-Z]{4}-){13}[0-9A-Z]{4}$/);
        const copied = code.toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l').replaceAll('-', ' ');
        expect(parseRecoveryCode(copied)).toEqual(secret);
      }),
    );
  });

  it('are refused with a group missing or a character exchanged', () => {
    const code = formatRecoveryCode(randomBytes(32));
    expect(() => parseRecoveryCode(code.slice(5))).toThrow(expect.objectContaining({ code: 'bad-recovery-code' }));
    const exchanged = `${code[0] === 'A' ? 'B' : 'A'}${code.slice(1)}`;
    expect(() => parseRecoveryCode(exchanged)).toThrow(expect.objectContaining({ code: 'bad-recovery-code' }));
  });
});

describe('Crockford’s base 32', () => {
  it('writes the bytes 0 to 4 as 000G40R4', () => {
    expect(toCrockford(Uint8Array.of(0, 1, 2, 3, 4))).toBe('000G40R4');
  });

  it('refuses foreign letters and stray last bits', () => {
    expect(fromCrockford('U0')).toBeUndefined();
    expect(fromCrockford('ZZ')).toBeUndefined();
    expect(fromCrockford('ZW')).toEqual(Uint8Array.of(255));
  });
});
