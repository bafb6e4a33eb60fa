import { generateSigningKeySync } from '@salus/crypto';
import { describe, expect, it } from 'vitest';
import { newInvitationCode, numberOf, parseInvitationCode, refOf } from './invitation-code.ts';

const network = 'n'.repeat(22);

describe('a one-time code for a colleague', () => {
  it('is read back, with line breaks that a message may add, and its name follows from it', () => {
    const { text, ref } = newInvitationCode(network, 'hospital-a');
    const read = parseInvitationCode(` ${text.slice(0, 20)}\n${text.slice(20)} `);
    expect(read).toMatchObject({ organisation: 'hospital-a' });
    expect(refOf(network, 'hospital-a', read!.code)).toBe(ref);
    expect(refOf(network, 'hospital-b', read!.code)).not.toBe(ref);
    expect(newInvitationCode(network, 'hospital-a').text).not.toBe(text);
  });

  it('is told from anything else', () => {
    for (const text of ['', 'SALUS-SLIP:1:hospital-a:x', 'SALUS-JOIN:1:hospital-a:short', 'SALUS-JOIN:2:a:b']) {
      expect(parseInvitationCode(text)).toBeUndefined();
    }
  });
});

describe('the number that two screens show', () => {
  it('is sixteen digits, the same for a key and different for others', () => {
    const keys = Array.from({ length: 50 }, () => generateSigningKeySync().publicKey);
    const numbers = keys.map(numberOf);
    expect(new Set(numbers).size).toBe(keys.length);
    expect(numbers.every((number) => /^\d{4} \d{4} \d{4} \d{4}$/.test(number))).toBe(true);
    expect(numberOf(keys[0]!)).toBe(numbers[0]);
  });
});
