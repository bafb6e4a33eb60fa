import { describe, expect, it } from 'vitest';
import { parseFhirJson } from '../parse-json.ts';
import type { FhirTree } from '../tree.ts';
import { compilePath } from './compile-path.ts';
import { resourceItem } from './item.ts';
import { FhirPathSyntaxError } from './tokens.ts';

const PATIENT = parseFhirJson(`{"resourceType":"Patient","id":"p","active":true,"birthDate":"1970-01",
  "_birthDate":{"extension":[{"url":"http://a.example/x","valueString":"y"}]},
  "name":[{"use":"official","family":"Rossi","given":["Anna","Bea"]},{"family":"Verdi","_given":[{"id":"g"}],"given":[null]}],
  "deceasedBoolean":false,"multipleBirthInteger":2,
  "contact":[{"name":{"text":"c"}}],
  "contained":[{"resourceType":"Organization","id":"o","name":"x"}],"managingOrganization":{"reference":"#o"}}`);
const OBSERVATION =
  parseFhirJson(`{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"s","code":"c"}]},
  "valueQuantity":{"value":1.50,"code":"mg","system":"http://unitsofmeasure.org"},
  "effectivePeriod":{"start":"2020-01-01T10:00:00+01:00","end":"2020-01-01T09:30:00Z"}}`);

function values(tree: FhirTree, expression: string): readonly unknown[] {
  const focus = resourceItem(tree);
  const contained = (tree.contained as readonly FhirTree[] | undefined)?.[0];
  const resolve = (reference: string) =>
    reference === '#o' && contained !== undefined ? resourceItem(contained) : undefined;
  return compilePath(expression)(focus, { resource: focus, rootResource: focus, resolve }).map(({ value }) => value);
}

describe('compilePath', () => {
  it.each<readonly [string, readonly unknown[]]>([
    ['name.given', ['Anna', 'Bea', null]],
    ['Patient.name.family', ['Rossi', 'Verdi']],
    ['Observation.status', []],
    ["name.where(use = 'official').given.first()", ['Anna']],
    ['name.given.hasValue()', [false]],
    ['name.family.first().hasValue()', [true]],
    ['name[1].family', ['Verdi']],
    ['name.count() + 1', [3]],
    ['name.given.count() * 2 - 1', [5]],
    ['deceased', [false]],
    ['deceased is boolean', [true]],
    ['deceased.is(Boolean)', [true]],
    ['(deceased is dateTime).not()', [true]],
    ['multipleBirth.ofType(integer)', [2]],
    ['multipleBirth as integer', [2]],
    ['birthDate.extension.value', ['y']],
    ["extension('http://a.example/x').empty()", [true]],
    ["birthDate.extension('http://a.example/x').exists()", [true]],
    ['name.select(given.count())', [2, 1]],
    ["name.all(family.exists()) and name.exists(use = 'official')", [true]],
    ["active = true or nothing.at.all = 'x'", [true]],
    ['{} and false', [false]],
    ['{} or false', []],
    ['{} implies true', [true]],
    ['true xor {}', []],
    ["'a' & 'b' & {}", ['ab']],
    ["'a' in ('a' | 'b')", [true]],
    ["('a' | 'b' | 'a').count()", [2]],
    ["name.family contains 'Verdi'", [true]],
    ['birthDate < @1970-02-01', [true]],
    ['birthDate <= @1970-01-15', []],
    ["'abc'.substring(1, 1)", ['b']],
    ["'abc'.matches('^a.c$') and 'abc'.startsWith('ab') and 'abc'.endsWith('c')", [true]],
    ["'a.b'.replaceMatches('\\\\..*', '')", ['a']],
    ["'12'.toInteger() + 1", [13]],
    ['12.toString().length()', [2]],
    ['iif(active, name.family.first(), 1)', ['Rossi']],
    ['managingOrganization.resolve().name', ['x']],
    ['managingOrganization.resolve().ofType(Practitioner).empty()', [true]],
    ["%resource.id = 'p' and %context.id = 'p' and %rootResource.id = 'p'", [true]],
    ['name.given.isDistinct()', [true]],
    ['contained.descendants().count() > 1', [true]],
    ['name.given.intersect(name.given.tail()).count()', [2]],
    ['(1 | 2).combine(2 | 3).count()', [4]],
    ['-1 < 0', [true]],
    ["name.`family`.first() = 'Rossi'", [true]],
    ['name.given.where($index = 1)', ['Bea']],
    ['5 div 2 + 5 mod 2', [3]],
  ])('evaluates %s', (expression, expected) => {
    expect(values(PATIENT, expression)).toEqual(expected);
  });

  it('compares instants with their time zones, and numbers by value', () => {
    expect(values(OBSERVATION, 'effective.start < effective.end')).toEqual([true]);
    expect(values(OBSERVATION, 'value.value = 1.5 and (value as Quantity).code = %resource.value.code')).toEqual([
      true,
    ]);
    expect(values(OBSERVATION, 'value.system = %ucum')).toEqual([true]);
  });

  it.each([
    '',
    'name.',
    '(name',
    "'a",
    'name.unknown()',
    '%unknown',
    'a b',
    '$ and true',
    'a[',
    'is x',
    '{',
    `${'('.repeat(200)}a`,
  ])('refuses %s', (expression) => {
    expect(() => compilePath(expression)).toThrow(FhirPathSyntaxError);
  });
});
