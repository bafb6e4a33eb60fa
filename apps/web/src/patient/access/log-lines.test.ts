import type { GivenLine } from '@salus/client';
import { describe, expect, it } from 'vitest';
import { missingIn, shownLines } from './log-lines.ts';
import type { LogPage } from './log-queries.ts';

const NOW_MS = 1_800_000_000_000;
const lineOf = (pidSeq: number, atMs = NOW_MS) =>
  ({ seq: pidSeq, pidSeq, text: JSON.stringify({ kind: 'read', atMs, pid: 'p' }) }) as GivenLine;
const pageOf = (numbers: readonly number[], change: Partial<LogPage> = {}): LogPage => ({
  lines: numbers.map((number) => lineOf(number)),
  proof: null,
  before: undefined,
  anchor: null,
  known: 0,
  ...change,
});
const checking = { network: 'n', pid: 'p', seen: null, nowMs: NOW_MS };

describe('a log that was read to its end', () => {
  it('is whole where it ends at its first line and begins no earlier than this device knows', () => {
    expect(missingIn([pageOf([3, 2], { known: 3 }), pageOf([1], { before: 2 })])).toEqual({
      newest: false,
      oldest: false,
    });
    expect(missingIn([pageOf([])])).toEqual({ newest: false, oldest: false });
  });

  it('lacks its oldest lines where a page stays empty before line 1', () => {
    expect(missingIn([pageOf([5, 4]), pageOf([], { before: 4 })])).toEqual({ newest: false, oldest: true });
  });

  it('lacks its newest lines where this device has seen more, be it all of them', () => {
    expect(missingIn([pageOf([2, 1], { known: 3 })]).newest).toBe(true);
    expect(missingIn([pageOf([], { known: 3 })]).newest).toBe(true);
  });
});

it('a line that is dated into the future is not too new for its proof, but wrong', () => {
  const lines = [lineOf(2), lineOf(1, NOW_MS + 3_600_000)];
  expect(shownLines([pageOf([], { lines })], checking).map(({ state }) => state)).toEqual(['pending', 'wrong']);
});
