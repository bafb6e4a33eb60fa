import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from './bytes.ts';
import { canonical, canonicalBytes, isInteger53, JSON_DEPTH_MAX, type Json, parseJson } from './canonical-json.ts';

const refusedJson = expect.objectContaining({ name: 'CryptoError', code: 'bad-json' });

/** RFC 8785 appendix B: IEEE 754 bits and the text they must give. */
const NUMBERS: readonly (readonly [bits: string, text: string])[] = [
  ['0000000000000000', '0'],
  ['8000000000000000', '0'],
  ['0000000000000001', '5e-324'],
  ['8000000000000001', '-5e-324'],
  ['7fefffffffffffff', '1.7976931348623157e+308'],
  ['ffefffffffffffff', '-1.7976931348623157e+308'],
  ['4340000000000000', '9007199254740992'],
  ['c340000000000000', '-9007199254740992'],
  ['4430000000000000', '295147905179352830000'],
  ['44b52d02c7e14af5', '9.999999999999997e+22'],
  ['44b52d02c7e14af6', '1e+23'],
  ['44b52d02c7e14af7', '1.0000000000000001e+23'],
  ['444b1ae4d6e2ef4e', '999999999999999700000'],
  ['444b1ae4d6e2ef4f', '999999999999999900000'],
  ['444b1ae4d6e2ef50', '1e+21'],
  ['3eb0c6f7a0b5ed8c', '9.999999999999997e-7'],
  ['3eb0c6f7a0b5ed8d', '0.000001'],
  ['41b3de4355555553', '333333333.3333332'],
  ['41b3de4355555554', '333333333.33333325'],
  ['41b3de4355555555', '333333333.3333333'],
  ['41b3de4355555556', '333333333.3333334'],
  ['41b3de4355555557', '333333333.33333343'],
  ['becbf647612f3696', '-0.0000033333333333333333'],
  ['43143ff3c1cb0959', '1424953923781206.2'],
];

/** Object keys that engines order by themselves (`10` before `9`) or that are setters (`__proto__`) are drawn often. */
const json = fc.letrec<{ value: Json }>((tie) => {
  const key = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', '10', '9', 'toJSON', 'length'));
  return {
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: 'binary' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 5 }),
      fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((members) => Object.fromEntries(members)),
    ),
  };
}).value;

describe('canonical', () => {
  it('gives the bytes of the example in RFC 8785 §3.2.4', () => {
    const value = parseJson(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
        '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    );
    const expected =
      '7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b3333333333333333332e' +
      '333333333333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac245c7530303066' +
      '5c6e4127425c225c5c5c5c5c222f227d';
    expect(Buffer.from(canonicalBytes(value)).toString('hex')).toBe(expected);
  });

  it('sorts by UTF-16 code units as in RFC 8785 §3.2.3', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const sorted = Object.values(JSON.parse(canonical({ value })).value as object);
    expect(sorted).toHaveLength(7);
    expect([...canonical(value).matchAll(/:"([^"]*)"/g)].map((match) => match[1])).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  it.each(NUMBERS)('writes the double %s as %s (RFC 8785 appendix B)', (bits, text) => {
    expect(canonical(new DataView(new BigUint64Array([BigInt(`0x${bits}`)]).buffer).getFloat64(0, true))).toBe(text);
  });

  it('is independent of the order of members and stable under parsing', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonical(value);
        expect(canonical(parseJson(text))).toBe(text);
        expect(canonical(reversed(value))).toBe(text);
      }),
    );
  });

  it('writes control characters as RFC 8785 §3.2.2.2 demands', () => {
    expect(canonical('\b\t\n\f\r"\\\u0000\u001f\u007f\u2028/')).toBe(
      '"\\b\\t\\n\\f\\r\\"\\\\\\u0000\\u001f\u007f\u2028/"',
    );
  });

  it.each([
    ['undefined', undefined],
    ['a member that is undefined', { a: undefined }],
    ['an array with a hole', new Array(1)],
    ['NaN', Number.NaN],
    ['Infinity', { a: [Number.POSITIVE_INFINITY] }],
    ['a bigint', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a Date', new Date(0)],
    ['bytes', new Uint8Array(1)],
    ['a Map', new Map()],
    ['a lone high surrogate', '\ud83d'],
    ['a lone low surrogate in a name', { '\ude00': 1 }],
  ])('refuses %s', (_what, value) => {
    expect(() => canonical(value as Json)).toThrow(refusedJson);
  });

  it('refuses a cycle and nesting beyond its bound, and takes what is within', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    expect(() => canonical(cycle as Json)).toThrow(refusedJson);
    expect(() => canonical(nested(JSON_DEPTH_MAX + 1))).toThrow(refusedJson);
    expect(canonical(nested(JSON_DEPTH_MAX))).toHaveLength(2 * JSON_DEPTH_MAX);
  });
});

describe('parseJson', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(json, fc.nat(4), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parseJson(text)).toEqual(JSON.parse(text));
        expect(parseJson(utf8(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps a member named __proto__ as data', () => {
    const value = parseJson('{"__proto__":{"admin":true}}');
    expect(Object.keys(value as object)).toEqual(['__proto__']);
    expect(canonical(value)).toBe('{"__proto__":{"admin":true}}');
  });

  it.each([
    ['duplicate names', '{"a":1,"a":1}'],
    ['duplicate names that differ in escapes', '{"a":1,"\\u0061":2}'],
    ['duplicate names deep inside', '[{"x":[{"a":{},"b":":","a":[]}]}]'],
    ['duplicate __proto__', '{"__proto__":1,"__proto__":2}'],
    ['nothing', ''],
    ['a comment', '{/**/}'],
    ['a trailing comma', '[1,]'],
    ['two values', '1 2'],
    ['an open string', '"abc'],
    ['an open escape', '"abc\\'],
    ['a number beyond a double', '1e400'],
    ['NaN', 'NaN'],
    ['a leading zero', '01'],
    ['an escaped lone surrogate', '"\\ud800"'],
    ['an escaped lone surrogate in a name', '{"\\udc00":1}'],
    ['a byte order mark', '\ufeff{}'],
    ['a raw control character', '"\n"'],
  ])('refuses %s', (_what, text) => {
    expect(() => parseJson(text)).toThrow(refusedJson);
    expect(() => parseJson(utf8(text))).toThrow(refusedJson);
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(refusedJson);
  });

  it('refuses input beyond its size and depth before parsing it', () => {
    expect(() => parseJson('[1,2]', { sizeMax: 4 })).toThrow(refusedJson);
    expect(parseJson('[1,2]', { sizeMax: 5 })).toEqual([1, 2]);
    expect(() => parseJson('[[1]]', { depthMax: 1 })).toThrow(refusedJson);
    expect(parseJson('[[1]]', { depthMax: 2 })).toEqual([[1]]);
    expect(parseJson('["[[[["]', { depthMax: 1 })).toEqual(['[[[[']);
    expect(() => parseJson('['.repeat(100_000))).toThrow(refusedJson);
    expect(() => parseJson('{"a":'.repeat(1000), { depthMax: 10_000 })).toThrow(refusedJson);
  });

  it('names no part of the input in its message', () => {
    for (const text of ['{"name":"Ada Secret",}', '{"Ada Secret":1,"Ada Secret":2}', 'Secret']) {
      try {
        parseJson(text);
        expect.unreachable();
      } catch (error) {
        expect(`${(error as Error).message}${String((error as Error).cause ?? '')}`).not.toContain('Secret');
      }
    }
  });

  it('answers any bytes with a value or bad-json', () => {
    const fragments = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'a',
      '1',
      'e',
      '-',
      '.',
      'null',
      ' ',
      'é',
    );
    fc.assert(
      fc.property(fc.array(fragments, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expect(() => parseJson(text)).toThrow(refusedJson);
          return;
        }
        if (canonicalLength(expected) === undefined) return;
        expect(fromUtf8(canonicalBytes(parseJson(text)))).toBe(canonical(expected as Json));
      }),
      { numRuns: 3000 },
    );
  });
});

describe('isInteger53', () => {
  it('accepts integers that every implementation reads alike, and nothing else', () => {
    for (const value of [0, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER])
      expect(isInteger53(value)).toBe(true);
    for (const value of [2 ** 53, 0.5, Number.NaN, '1', 1n, null]) expect(isInteger53(value)).toBe(false);
  });
});

function nested(depth: number): Json {
  let value: Json = [];
  for (let level = 1; level < depth; level += 1) value = [value];
  return value;
}

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map((item) => reversed(item as Json));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reversed(item as Json)]),
  );
}

function canonicalLength(value: unknown): number | undefined {
  try {
    return canonical(value as Json).length;
  } catch {
    return undefined;
  }
}
