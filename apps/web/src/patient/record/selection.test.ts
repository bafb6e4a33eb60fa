import { describe, expect, it } from 'vitest';
import { entryOf } from '../../../test/record-entries.ts';
import { defaultSelection, selected, sensitiveCount } from './selection.ts';

describe('what goes into a file', () => {
  const plain = entryOf({ resourceType: 'Observation' });
  const sensitive = entryOf({ resourceType: 'Condition' }, { labelClass: 'PSY' });
  const elsewhere = entryOf({ resourceType: 'Condition' }, { organisation: 'hospital-b' });
  const all = [plain, sensitive, elsewhere];

  it('is at first everything but what is sensitive', () => {
    expect(selected(all, defaultSelection(all))).toEqual([plain, elsewhere]);
    expect(sensitiveCount(all, defaultSelection(all))).toBe(1);
  });

  it('holds what is sensitive only when that was asked for, and nothing of other organisations', () => {
    const choice = { organisations: ['hospital-a'], withSensitive: true };
    expect(selected(all, choice)).toEqual([plain, sensitive]);
    expect(selected(all, { ...choice, organisations: [] })).toEqual([]);
    expect(sensitiveCount(all, { ...choice, organisations: ['hospital-b'] })).toBe(0);
  });
});
