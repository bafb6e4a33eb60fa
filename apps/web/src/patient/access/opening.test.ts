import type { ListedRecord } from '@salus/client';
import { expect, test } from 'vitest';
import { countOpened, isNarrowedInside, joinOpenings, openingOf, type Reach } from './opening.ts';

const DAY_MS = 86_400_000;
const record = (recordId: string, change: Partial<ListedRecord> = {}): ListedRecord => ({
  recordId,
  version: 1,
  type: 'Observation',
  category: 'laboratory',
  labelClass: 'N',
  dataFromMs: 10 * DAY_MS,
  dataToMs: 10 * DAY_MS,
  lastUpdatedMs: 0,
  ...change,
});
const records = [
  record('plain'),
  record('old', { dataFromMs: DAY_MS, dataToMs: DAY_MS }),
  record('hiv', { labelClass: 'HIV' }),
  record('report', { type: 'DiagnosticReport' }),
  record('tablet', { category: 'medication', type: 'MedicationRequest' }),
  record('undated', { dataFromMs: null, dataToMs: null }),
];
const reach: Reach = { categories: ['laboratory'], labelClasses: ['N'] };

test('counts what a grant opens and what stays closed, by category', () => {
  expect(openingOf(reach, records)).toEqual({
    opens: 4,
    sensitive: 0,
    closed: 2,
    categories: [
      { category: 'laboratory', opens: 4, sensitive: 0, closed: 1 },
      { category: 'medication', opens: 0, sensitive: 0, closed: 1 },
    ],
  });
});

test('a sensitive record is opened only where its label is named, and is counted as sensitive', () => {
  expect(openingOf({ ...reach, labelClasses: ['N', 'HIV'] }, records)).toMatchObject({ opens: 5, sensitive: 1 });
});

test('types, single records and the period of the data close what they leave out', () => {
  const opens = (change: Partial<Reach>): number => openingOf({ ...reach, ...change }, records).opens;
  expect(opens({ resourceTypes: ['DiagnosticReport'] })).toBe(1);
  expect(opens({ records: ['plain', 'tablet'] })).toBe(1);
  expect(opens({ dataFromMs: 5 * DAY_MS })).toBe(2);
  expect(opens({ dataToMs: 5 * DAY_MS })).toBe(1);
  expect(opens({ records: [] })).toBe(0);
});

test('a record that knows only when it ended is counted as the releasing node counts it', () => {
  const ended = record('ended', { dataFromMs: null, dataToMs: DAY_MS });
  expect(openingOf({ ...reach, dataToMs: 5 * DAY_MS }, [ended]).opens).toBe(1);
  expect(openingOf({ ...reach, dataFromMs: 5 * DAY_MS }, [ended]).opens).toBe(0);
});

test('the openings at several organisations add up', () => {
  const one = openingOf(reach, records);
  expect(joinOpenings([one, one])).toMatchObject({ opens: 8, closed: 4, categories: [{ opens: 8 }, { closed: 2 }] });
  expect(joinOpenings([])).toEqual({ opens: 0, sensitive: 0, closed: 0, categories: [] });
});

test('a grant of whole categories is enforced by keys alone', () => {
  expect(isNarrowedInside(reach)).toBe(false);
  expect(isNarrowedInside({ ...reach, dataToMs: 1 })).toBe(true);
  expect(isNarrowedInside({ ...reach, records: ['plain'] })).toBe(true);
});

test('what several grants open is a number only when each place’s list is there', () => {
  const at = (pid: string) => ({ organisation: pid, pid });
  const plans = [at('a'), at('b'), at('b')].map((entry) => ({ entry, choice: reach }));
  const listed = { entry: at('a'), records };
  expect(countOpened(plans, [listed, { entry: at('b'), records: [record('one')] }])).toBe(6);
  expect(countOpened(plans, [listed, { entry: at('b'), records: undefined }])).toBeUndefined();
  expect(countOpened(plans, [listed])).toBeUndefined();
  expect(countOpened([], [])).toBe(0);
});
