import { describe, expect, it } from 'vitest';
import { dateFormat, listFormat, numberFormat } from './formats.ts';

describe('a format', () => {
  it('is made once for a language and its options', () => {
    expect(numberFormat('en')).toBe(numberFormat('en'));
    expect(dateFormat('en', { dateStyle: 'medium' })).toBe(dateFormat('en', { dateStyle: 'medium' }));
    expect(listFormat('hi')).toBe(listFormat('hi'));
  });

  it('is another one for another language, and for other options', () => {
    expect(numberFormat('en').format(1234.5)).toBe('1,234.5');
    expect(numberFormat('ar-EG').format(1234.5)).toBe('١٬٢٣٤٫٥');
    expect(numberFormat('en', { maximumFractionDigits: 0 }).format(1234.4)).toBe('1,234');
    expect(dateFormat('en', { year: 'numeric', timeZone: 'UTC' }).format(0)).toBe('1970');
    expect(listFormat('en').format(['a', 'b', 'c'])).toBe('a, b, and c');
  });

  it('stays right however many were asked for', () => {
    for (let digits = 0; digits <= 100; digits += 1) {
      const options = { minimumFractionDigits: digits, maximumFractionDigits: 100 };
      expect(numberFormat('en', options).format(1)).toHaveLength(digits === 0 ? 1 : digits + 2);
      expect(numberFormat('hi', options).resolvedOptions().minimumFractionDigits).toBe(digits);
    }
  });
});
