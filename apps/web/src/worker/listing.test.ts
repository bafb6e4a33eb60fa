import { expect, it } from 'vitest';
import { isOlder, judgeListings } from './listing.ts';

const listed = (listedUntilMs: number) => ({
  kind: 'listed' as const,
  listedUntilMs,
  pinned: { network: 'n', ledgerKey: null, administrators: [] },
});

it('a release that was listed before the installed one is older; the same moment and a later one are not', () => {
  expect([1, 2, 3].map((ms) => isOlder(listed(ms), { listedUntilMs: 2 }))).toEqual([true, false, false]);
});

it('a release that nobody listed is unlisted', () => {
  expect(judgeListings('h', [], null)).toEqual({ kind: 'unlisted' });
});
