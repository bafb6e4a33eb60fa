import { describe, expect, it } from 'vitest';
import { opensRecord, previewOpening } from './grant-preview.ts';
import type { ListedRecord } from './own-records.ts';

const DAY_MS = 86_400_000;

function record(change: Partial<ListedRecord> = {}): ListedRecord {
  return {
    ...{ recordId: 'r1', version: 1, type: 'Observation', category: 'laboratory', labelClass: 'N' },
    ...{ dataFromMs: 10 * DAY_MS, dataToMs: 12 * DAY_MS },
    ...change,
  };
}

const all = { categories: ['laboratory'], labelClasses: ['N'] };

describe('what a grant opens', () => {
  it('is counted before it is given, the sensitive apart, by category and label', () => {
    const records = [
      record(),
      record({ recordId: 'r2', labelClass: 'HIV' }),
      record({ recordId: 'r3', category: 'notes' }),
      record({ recordId: 'r4', category: 'notes', labelClass: 'PSY' }),
    ];
    const choice = { categories: ['laboratory', 'notes'], labelClasses: ['N', 'HIV'] };
    expect(previewOpening(choice, records)).toEqual({
      opens: 3,
      sensitive: 1,
      staysClosed: 1,
      groups: [
        { category: 'laboratory', labelClass: 'HIV', opens: 1, staysClosed: 0 },
        { category: 'laboratory', labelClass: 'N', opens: 1, staysClosed: 0 },
        { category: 'notes', labelClass: 'N', opens: 1, staysClosed: 0 },
        { category: 'notes', labelClass: 'PSY', opens: 0, staysClosed: 1 },
      ],
    });
    expect(previewOpening(all, [])).toEqual({ opens: 0, sensitive: 0, staysClosed: 0, groups: [] });
  });

  it.each([
    ['another category', { categories: ['notes'] }, {}],
    ['a label that was not named', {}, { labelClass: 'PSY' }],
    ['another type', { resourceTypes: ['Condition'] }, {}],
    ['another record', { records: ['r2'] }, {}],
    ['what lies before the period', { dataFromMs: 13 * DAY_MS }, {}],
    ['what lies after the period', { dataToMs: 9 * DAY_MS }, {}],
    ['what has no time, under a period', { dataToMs: 99 * DAY_MS }, { dataFromMs: null, dataToMs: null }],
  ] as const)('is never %s', (_name, choice, change) => {
    expect(opensRecord(all, record())).toBe(true);
    expect(opensRecord({ ...all, ...choice }, record(change))).toBe(false);
  });

  it('is what overlaps the period, and what is known to end in it', () => {
    const period = { ...all, dataFromMs: 11 * DAY_MS, dataToMs: 11 * DAY_MS };
    expect(opensRecord(period, record())).toBe(true);
    expect(opensRecord(period, record({ dataFromMs: null, dataToMs: 11 * DAY_MS }))).toBe(true);
    expect(opensRecord(period, record({ dataFromMs: 11 * DAY_MS, dataToMs: null }))).toBe(true);
  });
});
