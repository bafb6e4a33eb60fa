import { describe, expect, it } from 'vitest';
import { entryOf } from '../../../test/record-entries.ts';
import { EVERYTHING, selected, sensitiveCount } from './selection.ts';

describe('what goes into a file', () => {
  const plain = entryOf({ resourceType: 'Observation' });
  const sensitive = entryOf({ resourceType: 'Condition' }, { labelClass: 'PSY' });
  const elsewhere = entryOf({ resourceType: 'Condition' }, { organisation: 'hospital-b' });
  const all = [plain, sensitive, elsewhere];

  it('is at first everything but what is sensitive', () => {
    expect(selected(all, EVERYTHING)).toEqual([plain, elsewhere]);
    expect(sensitiveCount(all, EVERYTHING)).toBe(1);
  });

  it('holds what is sensitive only when that was asked for, and nothing of other organisations', () => {
    const choice = { without: ['hospital-b'], withSensitive: true };
    expect(selected(all, choice)).toEqual([plain, sensitive]);
    expect(selected(all, { ...choice, without: ['hospital-a', 'hospital-b'] })).toEqual([]);
    expect(sensitiveCount(all, { ...choice, without: ['hospital-a'] })).toBe(0);
  });
});
