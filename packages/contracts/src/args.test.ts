import { describe, expect, it } from 'vitest';
import { testHash, testId, testKey } from '../test/keys.ts';
import {
  demandUnique,
  parseBoolean,
  parseCertificate,
  parseChain,
  parseCode,
  parseFields,
  parseHash,
  parseId,
  parseInteger,
  parseList,
  parseNullable,
  parseOneOf,
  parseOrganisation,
  parseOwner,
  parsePublicKey,
  parseSignature,
  parseTimeMs,
} from './args.ts';
import { ContractError } from './errors.ts';
import type { Json } from './json.ts';

/** The refusal's code and detail, or what the parser returned. */
function tryParse(parse: (value: Json, name: string) => unknown, value: unknown): unknown {
  try {
    return parse(value as Json, 'it');
  } catch (error) {
    if (error instanceof ContractError) return error.code;
    throw error;
  }
}

describe('parseFields', () => {
  const parse = (value: Json): object => parseFields(value, 'args', ['a', 'b'], ['c']);
  it('takes all required and any optional members', () => {
    expect(tryParse(parse, { a: 1, b: null })).toEqual({ a: 1, b: null });
    expect(tryParse(parse, { a: 1, b: 2, c: 3 })).toEqual({ a: 1, b: 2, c: 3 });
  });

  it('refuses missing, unknown and inherited members and what is no object', () => {
    const inherited = Object.create({ b: 1 });
    inherited.a = 1;
    for (const value of [{ a: 1 }, { a: 1, b: 2, d: 3 }, inherited, [], null, 'a', 1]) {
      expect(tryParse(parse, value)).toBe('args-invalid');
    }
    expect(tryParse((value) => parseFields(value, 'args', ['toString']), {})).toBe('args-invalid');
    expect(tryParse(parse, JSON.parse('{"a":1,"b":2,"__proto__":{}}'))).toBe('args-invalid');
  });

  it('names where it refused, never the value', () => {
    expect(() => parseFields({ a: 'secret' }, 'terms', ['a', 'b'])).toThrow('terms.b must be present');
    expect(() => parseId('a secret', 'terms.pid')).toThrow('args-invalid: terms.pid must be an id of 22 characters');
  });
});

describe('parsers of texts', () => {
  const cases: readonly [(value: Json, name: string) => unknown, readonly string[], readonly unknown[]][] = [
    [parseId, [testId('x')], ['', `${testId('x')}A`, `${testId('x').slice(1)}+`, `${testId('x')}\n`, 1, null]],
    [parseHash, [testHash('x')], [testHash('x').slice(1), `${'A'.repeat(42)}B`, testId('x'), null]],
    [
      parsePublicKey,
      [testKey('x').publicKey],
      [`A${testKey('x').publicKey.slice(1)}`, testKey('x').publicKey.slice(1), '', 5],
    ],
    [parseSignature, ['A'.repeat(86)], ['A'.repeat(85), `${'A'.repeat(85)}B`, '']],
    [
      parseOrganisation,
      ['ab', 'hospital-a', `a${'b'.repeat(31)}`],
      ['a', 'Hospital', '1a', 'a/b', `a${'b'.repeat(32)}`],
    ],
    [parseCode, ['TREAT', 'vital-signs', 'a.b'], ['', '1a', 'a b', 'a/b', 'x'.repeat(65)]],
    [parseCertificate, ['MIIB'], ['', 'a+b', 'x'.repeat(8193)]],
  ];
  it('accept their form and refuse every other', () => {
    for (const [parse, good, bad] of cases) {
      for (const value of good) expect(tryParse(parse, value)).toBe(value);
      for (const value of bad) expect(tryParse(parse, value), String(value)).toBe('args-invalid');
    }
  });

  it('refuse a second spelling of one hash, which would be a second key for one fact', () => {
    expect(tryParse(parseHash, 'A'.repeat(43))).toBe('A'.repeat(43));
    for (const last of 'BCDFGH_-') expect(tryParse(parseHash, `${'A'.repeat(42)}${last}`)).toBe('args-invalid');
  });

  it('split an owner', () => {
    const pid = testId('p');
    expect(parseOwner(`pid:${pid}`, 'owner')).toEqual({ text: `pid:${pid}`, kind: 'pid', pid });
    expect(parseOwner('org:lab', 'owner')).toEqual({ text: 'org:lab', kind: 'org', organisation: 'lab' });
    for (const value of ['pid:lab', 'org:', `org:${pid}`, 'lab'])
      expect(tryParse(parseOwner, value)).toBe('args-invalid');
  });
});

describe('parsers of numbers, words and lists', () => {
  it('keep to their bounds', () => {
    const digit = (value: Json, name: string): number => parseInteger(value, name, { min: 1, max: 9 });
    expect([1, 9].map((value) => tryParse(digit, value))).toEqual([1, 9]);
    for (const value of [0, 10, 1.5, '1', null, Number.NaN]) expect(tryParse(digit, value)).toBe('args-invalid');
    expect(tryParse(parseTimeMs, 253_402_300_800_000)).toBe('args-invalid');
    expect(tryParse(parseTimeMs, -1)).toBe('args-invalid');
  });

  it('take only the listed words and real booleans', () => {
    const word = (value: Json, name: string): string => parseOneOf(value, name, ['on', 'off']);
    expect(tryParse(word, 'on')).toBe('on');
    for (const value of ['On', '', null, ['on']]) expect(tryParse(word, value)).toBe('args-invalid');
    expect(tryParse(parseBoolean, false)).toBe(false);
    for (const value of [0, 'true', null]) expect(tryParse(parseBoolean, value)).toBe('args-invalid');
  });

  it('bound lists, parse every item and refuse doubles', () => {
    const list = (value: Json, name: string): unknown => parseList(value, name, { min: 1, max: 2 }, parseCode);
    expect(tryParse(list, ['a', 'b'])).toEqual(['a', 'b']);
    for (const value of [[], ['a', 'b', 'c'], ['a', 1], 'a', { 0: 'a', length: 1 }]) {
      expect(tryParse(list, value)).toBe('args-invalid');
    }
    expect(tryParse(parseChain, ['a', 'b', 'c', 'd', 'e'])).toBe('args-invalid');
    expect(() => demandUnique(['a', 'b', 'a'], 'items', (item) => item)).toThrow('items must be no item twice');
  });

  it('take null only where it has a meaning', () => {
    expect(parseNullable(null, 'it', parseCode)).toBeNull();
    expect(parseNullable('a', 'it', parseCode)).toBe('a');
    expect(tryParse(parseCode, null)).toBe('args-invalid');
  });
});
