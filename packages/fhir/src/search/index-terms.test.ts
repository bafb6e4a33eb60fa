import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFilter } from './filter.ts';
import { indexTermsOf, termsOfFilter } from './index-terms.ts';
import { matchesFilter } from './matching.ts';
import { PREFIXES } from './search-value.ts';

const NOW_MS = Date.UTC(2026, 10, 21);
const YEARS = { min: 1870, max: 2110 };

/** A date of any precision. */
const dates = fc
  .tuple(
    fc.integer(YEARS),
    fc.integer({ min: 1, max: 12 }),
    fc.integer({ min: 1, max: 28 }),
    fc.integer({ min: 0, max: 3 }),
  )
  .map(([year, month, day, precision]) => {
    const text = `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
    return [text.slice(0, 4), text.slice(0, 7), text, `${text}T23:30:00-05:00`][precision] ?? text;
  });
const ends = fc.option(dates, { nil: undefined });

describe('index terms', () => {
  it('select every resource whose dates a search finds, whatever prefix and precision', () => {
    let found = 0;
    fc.assert(
      fc.property(ends, ends, dates, fc.constantFrom(...PREFIXES), (start, end, wanted, prefix) => {
        const period = { ...(start === undefined ? {} : { start }), ...(end === undefined ? {} : { end }) };
        const tree = { resourceType: 'Observation', effectivePeriod: period };
        const filter = parseFilter('Observation', 'date', `${prefix}${wanted}`);
        if (typeof filter === 'string' || filter.kind !== 'values') throw new Error('the filter is one');
        const terms = termsOfFilter('Observation', filter, NOW_MS);
        if (terms === undefined || !matchesFilter(tree, filter, NOW_MS)) return;
        found += 1;
        const own = new Set(indexTermsOf(tree));
        expect(terms.some((term) => own.has(term))).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    expect(found).toBeGreaterThan(500);
  });

  it('are few for a range of decades', () => {
    const filter = parseFilter('Observation', 'date', 'ge1990-05-17');
    if (typeof filter === 'string') throw new Error(filter);
    expect(termsOfFilter('Observation', filter, NOW_MS)!.length).toBeLessThan(80);
  });

  it.each([
    ['name', 'Müller', 'muller-lüdenscheidt', true],
    ['name', 'M', 'Müller', true],
    ['family', 'Möller', 'Müller', false],
  ])('%s=%s selects what is written %s: %s', (code, wanted, family, isSelected) => {
    const filter = parseFilter('Patient', code, wanted);
    if (typeof filter === 'string') throw new Error(filter);
    const own = new Set(indexTermsOf({ resourceType: 'Patient', name: [{ family }] }));
    expect(termsOfFilter('Patient', filter, NOW_MS)!.some((term) => own.has(term))).toBe(isSelected);
  });

  it('leaves what has no terms to be looked for among other candidates', () => {
    for (const [name, value] of [
      ['code:not', 'x'],
      ['code:missing', 'true'],
      ['code:text', 'x'],
      ['code', 'http://loinc.org|'],
      ['value-quantity', '5'],
      ['date', 'ne2020'],
      ['value-string:contains', 'x'],
      ['_lastUpdated', 'gt2020'],
    ] as const) {
      const filter = parseFilter('Observation', name, value);
      if (typeof filter === 'string') throw new Error(filter);
      expect(termsOfFilter('Observation', filter, NOW_MS), name).toBeUndefined();
    }
  });
});
