import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FhirError } from './fhir-error.ts';
import { JSON_DEPTH_MAX, JSON_LIMITS, NUMBER_LITERAL_LENGTH_MAX, parseFhirJson } from './parse-json.ts';
import { numberLiteral, stringifyFhirJson } from './tree.ts';

function refusal(input: string | Uint8Array, limits = JSON_LIMITS): FhirError {
  try {
    parseFhirJson(input, limits);
  } catch (error) {
    if (error instanceof FhirError) return error;
    throw error;
  }
  throw new Error('the input was accepted');
}

describe('parseFhirJson', () => {
  it.each(['1.50', '0.010', '12345678901234567890', '1e5', '-0', '0', '1E-7', '1.0', '100', '-17', '1e400', '0.1'])(
    'keeps the literal %s',
    (literal) => {
      const text = `{"value":${literal}}`;
      const tree = parseFhirJson(text);
      expect(stringifyFhirJson(tree)).toBe(text);
      expect(numberLiteral(tree.value)).toBe(literal);
    },
  );

  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 6 })), (value) => {
        const text = JSON.stringify(value);
        fc.pre(
          !/"(?:__proto__|constructor|toString|valueOf|hasOwnProperty|isPrototypeOf|propertyIsEnumerable|toLocaleString|__\w+__)":/.test(
            text,
          ),
        );
        fc.pre(JSON.stringify(value).isWellFormed() && !/\\ud[89a-f]/i.test(text));
        expect(JSON.parse(stringifyFhirJson(parseFhirJson(text)))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('prints every number as it was written', () => {
    const digits = fc.stringMatching(/^[0-9]{0,25}$/);
    const literal = fc
      .tuple(
        fc.boolean(),
        fc.stringMatching(/^(?:0|[1-9][0-9]{0,25})$/),
        fc.option(digits),
        fc.option(fc.stringMatching(/^[eE][+-]?[0-9]{1,3}$/)),
      )
      .map(
        ([minus, whole, fraction, exponent]) =>
          `${minus ? '-' : ''}${whole}${fraction ? `.${fraction}` : ''}${exponent ?? ''}`,
      );
    fc.assert(
      fc.property(fc.array(literal), (literals) => {
        const text = `{"component":[${literals.map((number) => `{"value":${number}}`).join(',')}]}`;
        expect(stringifyFhirJson(parseFhirJson(text))).toBe(text);
      }),
    );
  });

  it('reads white space and every escape', () => {
    const tree = parseFhirJson(
      ' {\r\n\t"a" : [ 1 , true , false , null , { } , [ ] ] , "b":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00é" } ',
    );
    expect(tree).toEqual({ a: [1, true, false, null, {}, []], b: '"\\/\b\f\n\r\té😀é' });
  });

  it('ignores a byte order mark', () => {
    expect(parseFhirJson('\ufeff{"a":1}')).toEqual({ a: 1 });
    expect(parseFhirJson(new TextEncoder().encode('\ufeff{"a":1}'))).toEqual({ a: 1 });
  });

  it.each([
    ['', 'syntax'],
    ['{', 'syntax'],
    ['{"a":1', 'syntax'],
    ['{"a":1}x', 'syntax'],
    ['{"a":1}{"b":1}', 'syntax'],
    ['{"a":1,}', 'syntax'],
    ['{"a":[1,]}', 'syntax'],
    ['{a:1}', 'syntax'],
    ["{'a':1}", 'syntax'],
    ['{"a" 1}', 'syntax'],
    ['{"a":1 "b":2}', 'syntax'],
    ['{"a":[1 2]}', 'syntax'],
    ['{"a":01}', 'syntax'],
    ['{"a":+1}', 'syntax'],
    ['{"a":.5}', 'syntax'],
    ['{"a":1.}', 'syntax'],
    ['{"a":-}', 'syntax'],
    ['{"a":NaN}', 'syntax'],
    ['{"a":tru}', 'syntax'],
    ['{"a":"x}', 'syntax'],
    ['{"a":"\\x"}', 'syntax'],
    ['{"a":"\\u12g4"}', 'syntax'],
    ['{"a":"\\', 'syntax'],
    ['{"a":"\n"}', 'syntax'],
    ['{"a":1}//', 'syntax'],
    ['/* */{"a":1}', 'syntax'],
    ['[{"a":1}]', 'not-a-resource'],
    ['"text"', 'not-a-resource'],
    ['1', 'not-a-resource'],
    ['null', 'not-a-resource'],
    ['{"a":1,"a":1}', 'duplicate-key'],
    ['{"a":1,"\\u0061":2}', 'duplicate-key'],
    ['{"__proto__":{"polluted":true}}', 'key-refused'],
    ['{"a":{"constructor":1}}', 'key-refused'],
    ['{"toString":1}', 'key-refused'],
    ['{"a":"\\ud800"}', 'encoding'],
    ['{"a":"\ud800"}', 'encoding'],
    [`{"a":${'1'.repeat(NUMBER_LITERAL_LENGTH_MAX + 1)}}`, 'number-too-long'],
  ])('refuses %j as %s', (text, code) => {
    expect(refusal(text).code).toBe(code);
  });

  it('leaves the prototype of objects alone', () => {
    refusal('{"__proto__":{"polluted":true}}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('refuses bytes that are not UTF-8', () => {
    expect(refusal(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])).code).toBe('encoding');
    expect(refusal(new Uint8Array([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d])).code).toBe('encoding');
  });

  it('accepts the greatest depth and refuses one more', () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(() => parseFhirJson(nested(JSON_DEPTH_MAX))).not.toThrow();
    expect(refusal(nested(JSON_DEPTH_MAX + 1)).code).toBe('too-deep');
    expect(refusal(`{"a":${'['.repeat(1_000_000)}`).code).toBe('too-deep');
  });

  it('accepts the greatest size and refuses one byte more, in bytes and in text', () => {
    const text = '{"a":"éé"}';
    const bytes = new TextEncoder().encode(text);
    for (const input of [text, bytes]) {
      expect(parseFhirJson(input, { ...JSON_LIMITS, sizeBytesMax: bytes.length })).toEqual({ a: 'éé' });
      expect(refusal(input, { ...JSON_LIMITS, sizeBytesMax: bytes.length - 1 }).code).toBe('too-large');
    }
  });

  it('says where, and never what', () => {
    const secret = 'Mallory';
    const error = refusal(`{"resourceType":"Patient","name":[{"family":"${secret}","given":["${secret}",]}]}`);
    expect(error.expression).toBe('Patient.name[0].given[1]');
    expect(`${error.message} ${error.expression}`).not.toContain(secret);
    const keyed = refusal(`{"resourceType":"${secret}","${secret} 1970":tru}`);
    expect(keyed.expression).toBe('$this.?');
  });

  it('answers any text with what JSON.parse says, or a stricter FhirError', () => {
    const part = fc.constantFrom(...'{}[],:"\\a1-.eé \n', 'null', 'true', '\ud800');
    let refused = 0;
    fc.assert(
      fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
        const text = `{${parts.join('')}`;
        try {
          expect(stringifyFhirJson(parseFhirJson(text)).length).toBeLessThanOrEqual(JSON.stringify(text).length);
          JSON.parse(text);
        } catch (error) {
          if (!(error instanceof FhirError)) throw error;
          refused++;
          if (error.code === 'syntax') expect(() => JSON.parse(text)).toThrow(SyntaxError);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(refused).toBeGreaterThan(1_000);
  });
});
