import { PAIRS } from '@salus/fhir';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Denial } from '../vault-types.ts';
import { grantedPairs, isShutOut, type NarrowingTerms, narrowsPairs, termsRelease } from './release-rules.ts';

const everything: NarrowingTerms = { resourceTypes: null, records: null, dataFromMs: null, dataToMs: null };

const record = (dataFromMs: number | null, dataToMs: number | null) => ({
  recordId: 'a',
  meta: { type: 'Observation', dataFromMs, dataToMs },
});

test('opens exactly the pairs that both the terms and the request name', () => {
  const terms = { categories: ['medication', 'laboratory'], labelClasses: ['N', 'HIV'] };
  const pairs = grantedPairs(terms, ['laboratory', 'imaging']).map((index) => PAIRS[index]);
  expect(pairs).toEqual([
    { category: 'laboratory', labelClass: 'N' },
    { category: 'laboratory', labelClass: 'HIV' },
  ]);
  expect(grantedPairs(null, null)).toHaveLength(PAIRS.length);
  expect(grantedPairs({ categories: [], labelClasses: ['N'] }, null)).toEqual([]);
});

test('releases no record without a time under a period', () => {
  expect(termsRelease({ ...everything, dataFromMs: 0 }, record(null, null))).toBe(false);
  expect(termsRelease({ ...everything, dataToMs: 0 }, record(null, null))).toBe(false);
  expect(termsRelease(everything, record(null, null))).toBe(true);
});

test('releases a record with a time exactly when it overlaps the period', () => {
  const time = fc.integer({ min: -50, max: 50 });
  fc.assert(
    fc.property(fc.option(time), fc.option(time), time, fc.nat({ max: 20 }), (from, to, start, length) => {
      // Terms whose period ends before it starts are refused by the contract.
      fc.pre(from === null || to === null || from <= to);
      const terms = { ...everything, dataFromMs: from, dataToMs: to };
      const days = Array.from({ length: length + 1 }, (_, at) => start + at);
      const overlaps = days.some((day) => (from === null || day >= from) && (to === null || day <= to));
      expect(termsRelease(terms, record(start, start + length))).toBe(overlaps);
    }),
  );
});

test('narrows by every field alone, and says so', () => {
  const narrowings: readonly [Partial<NarrowingTerms>, boolean][] = [
    [{ resourceTypes: ['Observation'] }, true],
    [{ resourceTypes: ['Condition'] }, false],
    [{ records: ['a'] }, true],
    [{ records: [] }, false],
    [{ dataFromMs: 5 }, true],
    [{ dataFromMs: 11 }, false],
    [{ dataToMs: 5 }, true],
    [{ dataToMs: 4 }, false],
  ];
  for (const [change, released] of narrowings) {
    const terms = { ...everything, ...change };
    expect(termsRelease(terms, record(5, 10)), JSON.stringify(change)).toBe(released);
    expect(narrowsPairs(terms)).toBe(true);
  }
  expect(narrowsPairs(everything)).toBe(false);
  expect(narrowsPairs(null)).toBe(false);
});

test('shuts out a reader whom a denial names, wholly or for a label class that the session would show', () => {
  const denial = (persons: readonly string[], labelClasses: readonly string[]): Denial => ({
    ...{ denialId: 'd', pid: 'p', atMs: 0, persons, labelClasses },
  });
  const terms = { labelClasses: ['N', 'PSY'] };
  expect(isShutOut([denial(['reader'], [])], 'reader', terms)).toBe(true);
  expect(isShutOut([denial(['reader'], ['PSY'])], 'reader', terms)).toBe(true);
  expect(isShutOut([denial(['reader'], ['HIV'])], 'reader', terms)).toBe(false);
  expect(isShutOut([denial(['reader'], ['HIV'])], 'reader', null)).toBe(true);
  expect(isShutOut([denial(['another'], []), denial([], ['PSY'])], 'reader', terms)).toBe(false);
});
