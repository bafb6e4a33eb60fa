import { describe, expect, it } from 'vitest';
import { parseFhirJson } from './parse-json.ts';
import { COMPARED_ITEMS_MAX, ISSUES_MAX, LIST_ITEMS_MAX, structureIssues } from './structure.ts';
import type { FhirTree, FhirValue } from './tree.ts';

function found(text: string): readonly string[] {
  return structureIssues(parseFhirJson(text)).map(({ expression, text }) => `${expression}: ${text}`);
}

describe('structureIssues', () => {
  it('accepts every way R4 writes a value', () => {
    expect(
      found(`{"resourceType":"Patient","id":"a.B-9","active":true,"_birthDate":{"id":"x","extension":[{"url":"http://a.example","valueDecimal":1.50}]},
        "name":[{"given":["a",null,"c"],"_given":[null,{"id":"g"},null]}],"multipleBirthInteger":2,"contained":[{"resourceType":"Organization","id":"o","name":"x"}],
        "deceasedDateTime":"2020","_deceasedDateTime":{"id":"d"},"text":{"status":"generated","div":"<div>x</div>"}}`),
    ).toEqual([]);
  });

  it.each([
    ['{"resourceType":"Nobody"}', 'undefined: resourceType must name an R4 resource type'],
    ['{}', 'undefined: resourceType must name an R4 resource type'],
    ['{"resourceType":"SubscriptionStatus"}', 'undefined: resourceType must name an R4 resource type'],
    ['{"resourceType":"Patient","id":"a_b"}', 'Patient.id: a resource id has 1 to 64 letters, digits, "-" and "."'],
    ['{"resourceType":"Patient","unknown":1}', 'Patient.unknown: unknown element'],
    ['{"resourceType":"Patient","un known":1}', 'Patient.?: unknown element'],
    ['{"resourceType":"Observation","value":5}', 'Observation.value: unknown element'],
    ['{"resourceType":"Patient","_name":[{"id":"x"}]}', 'Patient._name: unknown element'],
    [
      '{"resourceType":"Patient","multipleBirthFoo":1,"multipleBirthInteger":1}',
      'Patient.multipleBirthFoo: unknown element',
    ],
    ['{"resourceType":"Patient","active":"true"}', 'Patient.active: a JSON boolean was expected'],
    ['{"resourceType":"Patient","birthDate":1970}', 'Patient.birthDate: a JSON string was expected'],
    ['{"resourceType":"Patient","birthDate":{}}', 'Patient.birthDate: a JSON string was expected'],
    ['{"resourceType":"Patient","birthDate":""}', 'Patient.birthDate: a string must not be empty'],
    [
      '{"resourceType":"Patient","birthDate":null}',
      'Patient.birthDate: null stands only beside the extension of a primitive',
    ],
    ['{"resourceType":"Patient","name":{"family":"x"}}', 'Patient.name: an array was expected'],
    ['{"resourceType":"Patient","name":[]}', 'Patient.name: an array must not be empty'],
    ['{"resourceType":"Patient","name":["x"]}', 'Patient.name[0]: an object was expected'],
    ['{"resourceType":"Patient","name":[[{"family":"x"}]]}', 'Patient.name[0]: an object was expected'],
    ['{"resourceType":"Patient","name":[{}]}', 'Patient.name[0]: an object must not be empty'],
    [
      '{"resourceType":"Patient","name":[null]}',
      'Patient.name[0]: null stands only beside the extension of a primitive',
    ],
    [
      '{"resourceType":"Patient","name":[{"given":["a",null]}]}',
      'Patient.name[0].given[1]: null stands only beside the extension of a primitive',
    ],
    [
      '{"resourceType":"Patient","name":[{"given":["a",null],"_given":[{"id":"x"}]}]}',
      'Patient.name[0].given[1]: null stands only beside the extension of a primitive',
    ],
    [
      '{"resourceType":"Patient","name":[{"family":["x"]}]}',
      'Patient.name[0].family: a single value was expected, not an array',
    ],
    [
      '{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020"}',
      'Patient.deceased: an element of several types has one value only',
    ],
    [
      '{"resourceType":"Patient","deceasedBoolean":true,"_deceasedDateTime":{"id":"x"}}',
      'Patient.deceased: an element of several types has one value only',
    ],
    ['{"resourceType":"Patient","multipleBirthInteger":2.0}', 'Patient.multipleBirth: an integer was expected'],
    ['{"resourceType":"Patient","multipleBirthInteger":2e0}', 'Patient.multipleBirth: an integer was expected'],
    ['{"resourceType":"Patient","multipleBirthInteger":2.5}', 'Patient.multipleBirth: an integer was expected'],
    [
      '{"resourceType":"Patient","contained":[{"resourceType":"Nobody"}]}',
      'Patient.contained[0]: resourceType must name an R4 resource type',
    ],
    ['{"resourceType":"Patient","contained":[5]}', 'Patient.contained[0]: a resource was expected'],
    [
      '{"resourceType":"Patient","contained":[{"id":"x"}]}',
      'Patient.contained[0]: resourceType must name an R4 resource type',
    ],
    [
      '{"resourceType":"Patient","contained":[{"resourceType":"Patient","unknown":1}]}',
      'Patient.contained[0].unknown: unknown element',
    ],
    [
      '{"resourceType":"Patient","name":[{"resourceType":"HumanName"}]}',
      'Patient.name[0].resourceType: unknown element',
    ],
    ['{"resourceType":"Patient","_birthDate":{"value":"x"}}', 'Patient.birthDate.value: unknown element'],
    ['{"resourceType":"Patient","gender":"x"}', 'Patient.gender: the code is not in the required value set'],
    [
      '{"resourceType":"Patient","text":{"status":"generated","div":"<div><script/></div>"}}',
      'Patient.text.div: the narrative holds an element that is not allowed',
    ],
  ])('%s', (text, issue) => {
    expect(found(text)).toEqual([issue]);
  });

  it('takes names of Object.prototype for unknown elements', () => {
    for (const key of ['constructor', 'toString', '__proto__']) {
      const tree = Object.defineProperty({ resourceType: 'Patient' }, key, {
        value: 1,
        enumerable: true,
      }) as unknown as FhirTree;
      expect(structureIssues(tree)).toHaveLength(1);
    }
  });

  it('reports a bounded number of findings', () => {
    const elements = Object.fromEntries(Array.from({ length: 10 * ISSUES_MAX }, (_, index) => [`x${index}`, 1]));
    expect(structureIssues({ resourceType: 'Patient', ...elements })).toHaveLength(ISSUES_MAX);
  });

  it('bounds arrays, closer where the items are compared with each other', () => {
    const patient = (items: number) => ({
      resourceType: 'Patient',
      name: Array.from({ length: items }, () => ({ family: 'x' })),
    });
    const definition = (items: number) => ({
      resourceType: 'StructureDefinition',
      contained: [patient(COMPARED_ITEMS_MAX + 1)],
      differential: { element: Array.from({ length: items }, () => ({ path: 'X' })) },
    });
    const codes = (tree: FhirTree) => structureIssues(tree).map(({ code, expression }) => [code, expression]);
    expect(codes(patient(LIST_ITEMS_MAX))).toEqual([]);
    expect(codes(patient(LIST_ITEMS_MAX + 1))).toEqual([['too-costly', 'Patient.name']]);
    expect(codes(definition(COMPARED_ITEMS_MAX))).toEqual([]);
    expect(codes(definition(COMPARED_ITEMS_MAX + 1))).toEqual([
      ['too-costly', 'StructureDefinition.differential.element'],
    ]);
  });

  it('stops at a depth that the parser would not have let through', () => {
    let extension: FhirValue = { url: 'http://a.example', valueString: 'x' };
    for (let depth = 0; depth < 100_000; depth++) extension = { url: 'http://a.example', extension: [extension] };
    expect(structureIssues({ resourceType: 'Patient', extension: [extension] })).toEqual([
      expect.objectContaining({ code: 'too-costly' }),
    ]);
  });
});
