import { describe, expect, it } from 'vitest';
import { parseFhirJson } from './parse-json.ts';
import { isTree, listOf, numberLiteral, sameValue, toPlain } from './tree.ts';

describe('toPlain', () => {
  it('turns literals into numbers and returns everything else as it is', () => {
    const tree = parseFhirJson('{"a":[{"value":1.50},{"b":1}],"c":{"d":"1.50"}}');
    const plain = toPlain(tree);
    expect(plain).toEqual({ a: [{ value: 1.5 }, { b: 1 }], c: { d: '1.50' } });
    expect(plain.c).toBe(tree.c);
    expect(listOf(plain.a)[1]).toBe(listOf(tree.a)[1]);
    expect(numberLiteral(listOf(tree.a).flatMap((item) => (isTree(item) ? (item.value ?? []) : []))[0])).toBe('1.50');
  });

  it('returns the tree itself where every number prints as written', () => {
    const tree = parseFhirJson('{"a":[1,2.5,"x"]}');
    expect(toPlain(tree)).toBe(tree);
  });
});

describe('sameValue', () => {
  it.each([
    ['{"a":1.50}', '{"a":1.50}', true],
    ['{"a":1.50}', '{"a":1.5}', false],
    ['{"a":1.50}', '{"a":1.500}', false],
    ['{"a":1,"b":2}', '{"b":2,"a":1}', true],
    ['{"a":[1,2]}', '{"a":[2,1]}', false],
    ['{"a":[1]}', '{"a":[1,2]}', false],
    ['{"a":null}', '{}', false],
    ['{"a":{}}', '{"a":[]}', false],
    ['{"a":"1"}', '{"a":1}', false],
    ['{"a":{"rawJSON":"1.50"}}', '{"a":1.50}', false],
    ['{"a":12345678901234567890}', '{"a":12345678901234567891}', false],
  ])('%s and %s: %s', (a, b, same) => {
    expect(sameValue(parseFhirJson(a), parseFhirJson(b))).toBe(same);
    expect(sameValue(parseFhirJson(b), parseFhirJson(a))).toBe(same);
  });
});

describe('numberLiteral', () => {
  it('takes no object of the input for a number', () => {
    expect(numberLiteral(parseFhirJson('{"a":{"rawJSON":"1"}}').a)).toBeUndefined();
    expect(numberLiteral('1')).toBeUndefined();
    expect(numberLiteral(1)).toBe('1');
  });
});
