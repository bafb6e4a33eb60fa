import { describe, expect, it } from 'vitest';
import { bytesText } from './sizes.ts';

describe('sizes', () => {
  it('are written in the largest unit that leaves at least one', () => {
    expect(bytesText(0, 'en')).toBe('0 byte');
    expect(bytesText(999, 'en')).toBe('999 byte');
    expect(bytesText(1_500, 'en')).toBe('1.5 kB');
    expect(bytesText(2_340_000_000, 'en')).toBe('2.3 GB');
    expect(bytesText(5e15, 'en')).toBe('5,000 TB');
  });
});
