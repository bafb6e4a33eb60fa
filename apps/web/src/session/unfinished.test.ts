import type { Terms } from '@salus/contracts';
import { describe, expect, it } from 'vitest';
import {
  beginNarrowing,
  keepsNarrowing,
  NOTHING_UNFINISHED,
  type UnfinishedNarrowing,
  withNarrowing,
  withoutNarrowing,
} from './unfinished.ts';

const narrowing = (salt: string, grant = 'grant'): UnfinishedNarrowing => ({
  ...{ grant, salt, madeMs: 0, terms: { grant } as Terms },
  sent: { call: {} as never, privateArgs: {} as never },
});
const first = narrowing('first');
const second = narrowing('second');
const begun = beginNarrowing(NOTHING_UNFINISHED, first)!;

describe('a narrowing that is under way', () => {
  it('lets no other of the same grant begin, and one of another grant', () => {
    expect(beginNarrowing(begun, second)).toBeUndefined();
    expect(beginNarrowing(withNarrowing(begun, { ...first, sent: null }), second)).toBeUndefined();
    const other = narrowing('third', 'other');
    expect(beginNarrowing(begun, other)?.narrowings).toEqual([first, other]);
  });

  it('gives its place to the next once it is refused', () => {
    const refused = withNarrowing(begun, { ...first, refused: 'not-after-passed' });
    expect(beginNarrowing(refused, second)?.narrowings).toEqual([second]);
  });

  it('is changed and removed by nothing but itself', () => {
    expect(withNarrowing(begun, { ...second, sent: null }).narrowings).toEqual([first]);
    expect(withoutNarrowing(begun, second).narrowings).toEqual([first]);
    expect(withoutNarrowing(begun, first).narrowings).toEqual([]);
    expect([keepsNarrowing(begun, first), keepsNarrowing(begun, second)]).toEqual([true, false]);
  });

  it('is not brought back by whoever is late', () => {
    expect(withNarrowing(withoutNarrowing(begun, first), { ...first, sent: null }).narrowings).toEqual([]);
    expect(keepsNarrowing(NOTHING_UNFINISHED, first)).toBe(false);
  });
});
