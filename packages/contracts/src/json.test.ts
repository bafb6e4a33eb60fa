import { canonical, utf8 } from '@salus/crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Json, measureJson } from './json.ts';

const LIMITS = { sizeBytesMax: 1000, depthMax: 4 };
const fault = (value: unknown): string => {
  const measured = measureJson(value, LIMITS);
  return measured.ok ? 'none' : measured.fault;
};

describe('measureJson', () => {
  it('counts exactly the bytes of the canonical form', () => {
    const integers = fc.integer({ min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER });
    const { value } = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constant(null),
        fc.boolean(),
        integers.map((n) => n + 0),
        fc.string({ unit: 'binary' }),
        fc.array(tie('value'), { maxLength: 5 }),
        fc.dictionary(
          fc.string({ unit: 'binary', maxLength: 5 }).filter((key) => key !== '__proto__'),
          tie('value'),
          { maxKeys: 5, noNullPrototype: true },
        ),
      ),
    }));
    fc.assert(
      fc.property(value, (json) => {
        const measured = measureJson(json, { sizeBytesMax: 1_000_000, depthMax: 32 });
        expect(measured).toEqual({ ok: true, sizeBytes: utf8(canonical(json)).length });
      }),
    );
  });

  it('refuses floats, negative zero, infinities and integers beyond 2^53−1', () => {
    for (const value of [1.5, -0, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, -(2 ** 53)]) {
      expect(fault({ value }), String(value)).toBe('number-invalid');
    }
    expect(fault([2 ** 53 - 1, -(2 ** 53 - 1), 0])).toBe('none');
  });

  it('refuses lone surrogates in values and in names', () => {
    for (const value of ['\ud800', 'a\udc00b', '\udc00\ud800', { '\ud800': 1 }, ['\udfff']]) {
      expect(fault(value)).toBe('text-invalid');
    }
    expect(fault('😀')).toBe('none');
  });

  it('refuses a __proto__ member, which JSON.parse makes an own one', () => {
    expect(fault(JSON.parse('{"a":{"__proto__":{"admin":true}}}'))).toBe('json-invalid');
  });

  it('refuses what JSON does not know', () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    for (const value of [undefined, () => 1, Symbol('s'), 1n, new Date(0), new Map(), [undefined], { a: undefined }]) {
      expect(fault(value)).toBe('json-invalid');
    }
    expect(fault(new Array(3))).toBe('json-invalid');
    expect(fault(circular)).toBe('too-deep');
  });

  it('refuses values deeper or larger than the limits, at the exact boundary', () => {
    expect(fault([[[[1]]]])).toBe('none');
    expect(fault([[[[[]]]]])).toBe('too-deep');
    expect(fault('x'.repeat(998))).toBe('none');
    expect(fault('x'.repeat(999))).toBe('too-large');
    expect(fault(['é'.repeat(498)])).toBe('none');
    expect(fault(['é'.repeat(499)])).toBe('too-large');
  });

  it('stops early: a huge value costs no more than its limit', () => {
    const touched: PropertyKey[] = [];
    const get = (target: never[], key: PropertyKey): unknown => {
      touched.push(key);
      return Reflect.get(target, key);
    };
    const item = new Proxy([], { get });
    expect(fault(Array.from({ length: 100_000 }, () => item))).toBe('too-large');
    expect(touched).toEqual([]);
  });
});
