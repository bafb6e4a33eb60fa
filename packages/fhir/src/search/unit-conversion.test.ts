import { Decimal } from 'decimal.js';
import { describe, expect, it } from 'vitest';
import { unitConversion } from './unit-conversion.ts';

const converted = (value: string, from: string, to: string) =>
  unitConversion(from, to)?.(new Decimal(value)).toString();

describe('conversion between UCUM units', () => {
  it.each([
    ['1.5', 'g', 'mg', '1500'],
    ['185', 'mg/dL', 'g/L', '1.85'],
    ['37', 'Cel', '[degF]', '98.6'],
    ['310.15', 'K', 'Cel', '37'],
    ['120', 'mm[Hg]', 'kPa', '15.99864'],
    ['72', '/min', 'Hz', '1.2'],
  ])('%s %s are as many %s as the definition says', (value, from, to, wanted) => {
    expect(converted(value, from, to)).toBe(wanted);
  });

  it('converts nothing between units of different things, unknown ones and logarithms', () => {
    expect(converted('1', 'cm', 'kg')).toBeUndefined();
    expect(converted('1', 'florb', 'kg')).toBeUndefined();
    expect(converted('1', '[pH]', 'mol/L')).toBeUndefined();
  });
});
