import { describe, expect, it } from 'vitest';
import { FhirError } from './fhir-error.ts';
import { IdentifierIndex } from './identifier-index.ts';
import { hasIdentifier, IDENTIFIER_LENGTH_MAX, identifiersOf, parseIdentifierQuery } from './identifier-query.ts';

describe('parseIdentifierQuery', () => {
  it.each([
    ['identifier=http://a.example|1', { system: 'http://a.example', value: '1' }],
    ['identifier=http%3A%2F%2Fa.example%7C1%202', { system: 'http://a.example', value: '1 2' }],
    ['identifier=|1', { system: null, value: '1' }],
    ['identifier=1', { system: undefined, value: '1' }],
    ['identifier=a|b\\|c\\,d\\$e\\\\f', { system: 'a', value: 'b|c,d$e\\f' }],
  ])('reads %s', (query, expected) => {
    expect(parseIdentifierQuery(query, 'place')).toEqual(expected);
  });

  it.each([
    '',
    'identifier',
    'identifier=',
    'identifier=a|',
    'identifier=a|b|c',
    'identifier=a|1,a|2',
    'name=Smith',
    'identifier=a|1&name=x',
    'identifier=a|1&identifier=a|2',
    'identifier:exact=a|1',
    '_id=1',
    `identifier=a|${'1'.repeat(IDENTIFIER_LENGTH_MAX)}`,
  ])('refuses %s', (query) => {
    expect(() => parseIdentifierQuery(query, 'place')).toThrow(
      expect.objectContaining({ name: 'FhirError', code: 'condition-unsupported', expression: 'place' }),
    );
    expect(() => parseIdentifierQuery(query, 'place')).toThrow(FhirError);
  });
});

const practitioner = {
  resourceType: 'Practitioner',
  identifier: [{ system: 'a', value: '1' }, { value: '2' }, { system: 'b' }, 'odd', null],
};

describe('identifiers of a resource', () => {
  it('answer a query by system and value, without system, and by value alone', () => {
    const matches = (system: string | null | undefined, value: string) =>
      hasIdentifier(practitioner, { system, value });
    expect([matches('a', '1'), matches(undefined, '1'), matches(null, '2'), matches(undefined, '2')]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect([matches('b', '1'), matches(null, '1'), matches('a', '2'), matches('a', '')]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it('recognise it only with system and value', () => {
    expect(identifiersOf(practitioner)).toEqual([{ system: 'a', value: '1' }]);
    expect(identifiersOf({ resourceType: 'Practitioner' })).toEqual([]);
  });

  it('are indexed by type', () => {
    const index = new IdentifierIndex();
    index.add('Practitioner', practitioner, 'p');
    index.add('Practitioner', { identifier: [{ system: 'c', value: '1' }] }, 'q');
    expect([...index.find('Practitioner', { system: 'a', value: '1' })]).toEqual(['p']);
    expect([...index.find('Practitioner', { system: undefined, value: '1' })]).toEqual(['p', 'q']);
    expect([...index.find('Practitioner', { system: null, value: '2' })]).toEqual(['p']);
    expect([...index.find('Organization', { system: 'a', value: '1' })]).toEqual([]);
  });
});
