import type { ListedRecord } from '@salus/client';
import { describe, expect, it } from 'vitest';
import { placesOf } from './tell-places.ts';

const entry = { organisation: 'hospital-a', pid: 'p' };
const record = (
  category: string,
  labelClass: string,
  dataFromMs: number | null,
  dataToMs = dataFromMs,
): ListedRecord => ({
  ...{ recordId: `${category} ${dataFromMs}`, version: 1, type: 'Observation', lastUpdatedMs: 9 },
  ...{ category, labelClass, dataFromMs, dataToMs },
});

describe('where else a patient was treated', () => {
  it('is told by place, kinds and times', () => {
    const records = [record('medication', 'N', 20, 30), record('laboratory', 'N', 10), record('laboratory', 'N', null)];
    expect(placesOf([{ entry, records }])).toEqual([
      { ...entry, categories: ['laboratory', 'medication'], fromMs: 10, toMs: 30 },
    ]);
  });

  it('hides sensitive documents, and a place that has nothing else', () => {
    const hidden = [record('problems', 'PSY', 5), record('identity', 'N', 1)];
    expect(placesOf([{ entry, records: hidden }])).toEqual([]);
    expect(placesOf([{ entry, records: [...hidden, record('notes', 'N', null)] }])).toEqual([
      { ...entry, categories: ['notes'], fromMs: null, toMs: null },
    ]);
    expect(placesOf([{ entry, records: undefined }])).toEqual([]);
  });
});
