import { parseFhirJson } from '@salus/fhir/parse';
import { describe, expect, it } from 'vitest';
import { entriesOf, parseChartPage } from './chart-entry.ts';
import { seriesOf } from './series.ts';

const observation = (id: string, rest: object) => ({
  search: { mode: 'match' },
  resource: {
    resourceType: 'Observation',
    id,
    code: { coding: [{ system: 'http://loinc.org', code: '4548-4' }] },
    ...rest,
  },
});
const page = (entry: readonly object[], link: readonly object[] = []) =>
  parseChartPage(parseFhirJson(JSON.stringify({ resourceType: 'Bundle', entry, link })), 'hospital-b');

describe('a page of the chart', () => {
  it('tells own resources from those of others by where they come from', () => {
    const source = 'http://127.0.0.1:8470/hospital-a/fhir/R4/Observation/77aa/_history/1';
    const { entries } = page([observation('1', {}), observation('2', { meta: { source } })]);
    expect(entries.map(({ organisation, isOwn }) => [organisation, isOwn])).toEqual([
      ['hospital-b', true],
      ['hospital-a', false],
    ]);
  });

  it('knows the next page, and whether somebody did not answer', () => {
    const next = [{ relation: 'next', url: 'http://x.example/hospital-b/fhir/R4/Patient/1/*?_page=abc' }];
    const outcome = { search: { mode: 'outcome' }, resource: { resourceType: 'OperationOutcome' } };
    const found = page([outcome, observation('1', {})], next);
    expect(found.next?.searchParams.get('_page')).toBe('abc');
    expect(found.isPart).toBe(true);
    expect(found.entries).toHaveLength(1);
    expect(page([])).toEqual({ entries: [], next: undefined, isPart: false });
  });

  it('is listed newest first, without what was entered in error', () => {
    const { entries } = page([
      observation('old', { effectiveDateTime: '2024-01-01' }),
      observation('wrong', { status: 'entered-in-error', effectiveDateTime: '2025-01-01' }),
      observation('new', { effectiveDateTime: '2025-06-01' }),
    ]);
    expect(entriesOf(entries, 'Observation').map(({ resource }) => resource.id)).toEqual(['new', 'old']);
    expect(entriesOf(entries, 'Condition')).toEqual([]);
  });
});

describe('a series', () => {
  it('draws a line for each unit, oldest first, and no point for less than', () => {
    const value = (number: number, unit: string, comparator?: string) => ({
      valueQuantity: { value: number, unit, ...(comparator === undefined ? {} : { comparator }) },
    });
    const { entries } = page([
      observation('a', { effectiveDateTime: '2025-03-01', ...value(7.1, '%') }),
      observation('b', { effectiveDateTime: '2025-01-01', ...value(8.4, '%') }),
      observation('c', { effectiveDateTime: '2025-02-01', ...value(60, 'mmol/mol') }),
      observation('d', { effectiveDateTime: '2025-02-02', ...value(4, '%', '<') }),
    ]);
    const [series] = seriesOf(entries);
    expect(series?.lines.map(({ unit, points }) => [unit, points.map((point) => point.value)])).toEqual([
      ['%', [8.4, 7.1]],
      ['mmol/mol', [60]],
    ]);
    expect(series?.entries).toHaveLength(4);
  });
});
