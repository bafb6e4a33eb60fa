import { describe, expect, it } from 'vitest';
import { RESOURCE_TYPES, type ResourceType } from '../resource-table.ts';
import type { Filter } from './filter.ts';
import { searchParametersOf } from './search-parameter.ts';
import { type ParsedSearch, parseSearch, type SearchRequest } from './search-request.ts';

function parse(type: ResourceType, query: string, strict = false): ParsedSearch {
  return parseSearch(type, new URLSearchParams(query), { strict });
}

function requestOf(type: ResourceType, query: string): SearchRequest {
  const parsed = parse(type, query);
  if (parsed.kind === 'refused') throw new Error(JSON.stringify(parsed.issues));
  return parsed.request;
}

function filterOf(type: ResourceType, query: string): Filter {
  const [filter] = requestOf(type, query).filters;
  if (filter === undefined) throw new Error('no filter');
  return filter;
}

function firstValue(type: ResourceType, query: string): unknown {
  const filter = filterOf(type, query);
  return filter.kind === 'values' ? filter.alternatives[0] : filter;
}

function refusal(type: ResourceType, query: string): string {
  const parsed = parse(type, query);
  return parsed.kind === 'refused' ? parsed.issues.map(({ text }) => text).join('; ') : 'accepted';
}

describe('the standard search parameters', () => {
  it('are there for every type, each with a path that is about the type', () => {
    let parameters = 0;
    for (const type of RESOURCE_TYPES) {
      for (const [code, parameter] of searchParametersOf(type)) {
        parameters += 1;
        if (['_query', '_content', '_text'].includes(code)) continue;
        expect(parameter.expression, `${type} ${code}`).not.toBe('');
        if (parameter.type === 'composite') expect(parameter.components.length, `${type} ${code}`).toBeGreaterThan(1);
      }
    }
    // 1,378 definitions, of which some belong to many types.
    expect(parameters).toBeGreaterThan(2_000);
  });

  it('keep only the alternatives of their type', () => {
    expect(searchParametersOf('Observation').get('patient')?.expression).toBe(
      'Observation.subject.where(resolve() is Patient)',
    );
    expect(searchParametersOf('Condition').get('code')?.expression).toBe('Condition.code');
    expect(searchParametersOf('Patient').get('_id')?.expression).toBe('Patient.id');
  });
});

describe('values', () => {
  it.each([
    ['number', 'RiskAssessment', 'probability=gt0.80', { kind: 'number', prefix: 'gt' }],
    [
      'date',
      'Patient',
      'birthdate=ge2010-02',
      { kind: 'date', prefix: 'ge', startMs: Date.UTC(2010, 1), endMs: Date.UTC(2010, 2) },
    ],
    [
      'date with time and zone',
      'Observation',
      'date=2013-01-14T10:00%2B02:00',
      { kind: 'date', prefix: 'eq', startMs: Date.UTC(2013, 0, 14, 8), endMs: Date.UTC(2013, 0, 14, 8, 1) },
    ],
    ['string with escapes', 'Patient', 'name=O\\,Neil\\$x\\\\', { kind: 'string', text: 'O,Neil$x\\' }],
    ['token of any system', 'Observation', 'code=1234-5', { kind: 'token', system: undefined, code: '1234-5' }],
    [
      'token of a system',
      'Observation',
      'code=http://loinc.org|1234-5',
      { kind: 'token', system: 'http://loinc.org', code: '1234-5' },
    ],
    ['token without system', 'Observation', 'code=|1234-5', { kind: 'token', system: null, code: '1234-5' }],
    [
      'token of any code',
      'Observation',
      'code=http://loinc.org|',
      { kind: 'token', system: 'http://loinc.org', code: undefined },
    ],
    ['reference by id', 'Observation', 'subject=23', { kind: 'reference', type: undefined, id: '23' }],
    ['reference with type', 'Observation', 'subject=Patient/23', { kind: 'reference', type: 'Patient', id: '23' }],
    [
      'reference with a modifier of type',
      'Observation',
      'subject:Patient=23',
      { kind: 'reference', type: 'Patient', id: '23' },
    ],
    [
      'reference to elsewhere',
      'Observation',
      'subject=http://example.org/fhir/Patient/23',
      { kind: 'url', url: 'http://example.org/fhir/Patient/23' },
    ],
    ['uri', 'ValueSet', 'url=http://example.org/vs', { kind: 'uri', uri: 'http://example.org/vs' }],
    [
      'quantity',
      'Observation',
      'value-quantity=le5.4|http://unitsofmeasure.org|mg',
      { kind: 'quantity', prefix: 'le', system: 'http://unitsofmeasure.org', code: 'mg' },
    ],
    [
      'quantity of a unit',
      'Observation',
      'value-quantity=5.4||mg',
      { kind: 'quantity', prefix: 'eq', system: undefined, code: 'mg' },
    ],
    [
      'composite',
      'Observation',
      'code-value-quantity=http://loinc.org|8480-6$gt140',
      {
        kind: 'composite',
        parts: [
          { kind: 'token', code: '8480-6' },
          { kind: 'quantity', prefix: 'gt' },
        ],
      },
    ],
  ] as const)('are read: %s', (_, type, query, expected) => {
    expect(firstValue(type, query)).toMatchObject(expected);
  });

  // R4 §3.1.1.4.9 and §3.1.1.4.11, the examples given there.
  it.each([
    ['100', '99.5', '100.5'],
    ['100.00', '99.995', '100.005'],
    ['1e2', '95', '105'],
    ['5.40', '5.395', '5.405'],
    ['-5.4', '-5.45', '-5.35'],
  ])('mean the range of their precision: %s', (number, low, high) => {
    const value = firstValue('RiskAssessment', `probability=${number}`) as { low: object; high: object };
    expect([String(value.low), String(value.high)]).toEqual([low, high]);
  });

  it('are alternatives between commas, and all of the same parameter hold together', () => {
    const request = requestOf('Patient', 'given=a,b\\,c&given=d');
    expect(request.filters.map((filter) => filter.kind === 'values' && filter.alternatives.length)).toEqual([2, 1]);
  });

  it.each([
    ['a number that is none', 'RiskAssessment', 'probability=high'],
    ['a number with a thousand digits', 'RiskAssessment', `probability=${'9'.repeat(1000)}`],
    ['a day that there is not', 'Patient', 'birthdate=2013-02-30'],
    ['an hour that there is not', 'Observation', 'date=2013-01-14T24:00'],
    ['a quantity with half a unit', 'Observation', 'value-quantity=5|mg'],
    ['a composite of one', 'Observation', 'code-value-quantity=8480-6'],
    ['a reference of another type than its modifier', 'Observation', 'subject:Patient=Group/1'],
    ['a type that the parameter does not lead to', 'Observation', 'subject:Medication=1'],
    ['a modifier of another type', 'Patient', 'birthdate:exact=2010'],
    ['a modifier that nobody knows', 'Patient', 'name:sounds=x'],
    ['two modifiers', 'Patient', 'name:exact:contains=x'],
    ['missing with a word', 'Patient', 'gender:missing=yes'],
    ['an empty value', 'Patient', 'name='],
    ['a token of three parts', 'Observation', 'code=a|b|c'],
    ['what the server says it does not support', 'Location', 'near=1|2|3'],
    ['full text', 'Patient', '_content=x'],
    ['terminology', 'Observation', 'code:in=http://example.org/vs'],
    ['a chain over what is no reference', 'Patient', 'name.family=x'],
    ['a chain to a type without the parameter', 'Observation', 'subject:Patient.shoe=1'],
    ['a chain of many links', 'Observation', `${'encounter.part-of.'.repeat(5)}status=x`],
    ['a reverse chain that leads elsewhere', 'Medication', '_has:Observation:subject:code=1'],
    ['a reverse chain without parameter', 'Patient', '_has:Observation:patient=1'],
    ['a sort by what there is not', 'Patient', '_sort=shoe'],
    ['a sort by a composite', 'Observation', '_sort=code-value-quantity'],
    ['a count that is none', 'Patient', '_count=-1'],
    ['a summary that is none', 'Patient', '_summary=yes'],
    ['an include without type', 'Observation', '_include=subject'],
    ['an include of what is no reference', 'Observation', '_include=Observation:code'],
    ['more parameters than anybody needs', 'Patient', Array.from({ length: 100 }, () => 'name=a').join('&')],
    ['more alternatives than anybody needs', 'Patient', `name=${'a,'.repeat(300)}a`],
  ] as const)('refuses %s, without repeating it', (_, type, query) => {
    const text = refusal(type, query);
    expect(text).not.toBe('accepted');
    expect(text).not.toMatch(/2013-02-30|high|9999/);
  });
});

describe('a search', () => {
  it('has a page, a sort, includes and what else the standard says', () => {
    const request = requestOf(
      'Observation',
      '_count=5000&_sort=-date,_id&_include=Observation:subject&_include:iterate=Patient:organization&_revinclude=Provenance:target&_summary=data&_total=accurate&_elements=code,value&_format=json',
    );
    expect(request).toMatchObject({ count: 1_000, summary: 'data', total: 'accurate', elements: ['code', 'value'] });
    expect(request.sort.map(({ parameter, descending }) => [parameter.code, descending])).toEqual([
      ['date', true],
      ['_id', false],
    ]);
    expect(request.includes.map(({ source, parameter, iterate }) => [source, parameter?.code, iterate])).toEqual([
      ['Observation', 'subject', false],
      ['Patient', 'organization', true],
    ]);
    expect(request.revincludes).toMatchObject([{ source: 'Provenance', parameter: { code: 'target' } }]);
    expect(request.used.map(([name]) => name)).not.toContain('_format');
    expect(requestOf('Patient', '_count=0').summary).toBe('count');
  });

  it('chains forward through every target that has the parameter, and backward', () => {
    const chain = filterOf('Observation', 'subject.name=peter');
    expect(chain).toMatchObject({ kind: 'chain', parameter: { code: 'subject' } });
    expect(chain.kind === 'chain' && chain.links.map(({ type }) => type)).toEqual(['Patient', 'Location']);
    expect(filterOf('Observation', 'subject:Patient.organization.name=x')).toMatchObject({
      kind: 'chain',
      links: [{ type: 'Patient', filter: { kind: 'chain', links: [{ type: 'Organization' }] } }],
    });
    expect(filterOf('Patient', '_has:Observation:patient:code=1234-5')).toMatchObject({
      kind: 'has',
      type: 'Observation',
      filter: { kind: 'values', parameter: { code: 'code' } },
    });
    expect(filterOf('Patient', '_has:Observation:patient:_has:Provenance:target:agent=x')).toMatchObject({
      kind: 'has',
      filter: { kind: 'has', type: 'Provenance' },
    });
  });

  it('ignores what it does not know with a warning, and refuses it under strict handling', () => {
    const lenient = parse('Patient', 'shoe=44&name=a');
    expect(lenient).toMatchObject({ kind: 'search', issues: [{ severity: 'warning', code: 'not-supported' }] });
    expect(lenient.kind === 'search' && lenient.request.used).toEqual([['name', 'a']]);
    expect(parse('Patient', 'shoe=44&name=a', true)).toMatchObject({ kind: 'refused' });
  });
});
