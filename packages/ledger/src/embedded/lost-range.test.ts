import { describe, expect, it } from 'vitest';
import { NETWORK } from '../../test/notebook.ts';
import type { CheckpointEntry } from './checkpoint-file.ts';
import { findLostRange } from './lost-range.ts';

function entries(...places: string[]): readonly CheckpointEntry[] {
  return places.map((place) => {
    const number = Number.parseInt(place, 10);
    return {
      checkpoint: {
        version: 'salus:checkpoint:v1',
        alg: 'ES256',
        network: NETWORK,
        number,
        hash: place,
        signatures: [],
      },
    };
  });
}

/** A ledger whose block n has the hash `<n><branch>`, the branch being 'b' from `forkAt` on. */
const ledger = (forkAt: number, head: number) => (number: number) =>
  number > head ? undefined : `${number}${number >= forkAt ? 'b' : 'a'}`;

describe('the lost range', () => {
  it('is none when the newest checkpoint is a block of the ledger, though the ledger grew beyond it', () => {
    expect(findLostRange([], 5, ledger(99, 5))).toBeUndefined();
    expect(findLostRange(entries('3a', '5a'), 5, ledger(99, 5))).toBeUndefined();
    expect(findLostRange(entries('3a', '5a'), 6, ledger(99, 6))).toBeUndefined();
  });

  it('starts after the head of a ledger that was cut back', () => {
    expect(findLostRange(entries('5a', '6a', '9a'), 5, ledger(99, 5))).toEqual({ from: 6, to: 9, hash: '9a' });
    expect(findLostRange(entries('9a'), 5, ledger(99, 5))).toEqual({ from: 6, to: 9, hash: '9a' });
  });

  it('starts after the last common checkpoint of a ledger that went on differently', () => {
    expect(findLostRange(entries('5a', '6a', '9a'), 12, ledger(6, 12))).toEqual({ from: 6, to: 9, hash: '9a' });
    expect(findLostRange(entries('9a'), 9, ledger(6, 9))).toEqual({ from: 1, to: 9, hash: '9a' });
  });

  it('holds what was lost before and is not named yet', () => {
    const lost = { from: 6, to: 9, hash: '9a' };
    const [, , five, six] = entries('5a', '9a', '5a', '6b').map((entry) => ({ ...entry, lost }));
    const known = [...entries('3a', '5a', '9a'), five!, six!];
    expect(findLostRange(known, 6, ledger(6, 6))).toEqual(lost);
    expect(findLostRange(known, 5, ledger(6, 5))).toEqual(lost);
    expect(findLostRange(known, 3, ledger(6, 3))).toEqual({ from: 4, to: 9, hash: '9a' });
    const [beyond] = entries('12b').map((entry) => ({ ...entry, lost }));
    expect(findLostRange([...known, beyond!], 3, ledger(6, 3))).toEqual({ from: 4, to: 12, hash: '12b' });
  });

  it('ignores what an earlier rollback has settled', () => {
    expect(findLostRange(entries('5a', '8a', '6b', '7b'), 7, ledger(6, 7))).toBeUndefined();
    expect(findLostRange(entries('5a', '8a', '6b', '7b', '9b'), 7, ledger(6, 7))).toEqual({
      from: 8,
      to: 9,
      hash: '9b',
    });
    // The backup was taken before the earlier rollback.
    expect(findLostRange(entries('5a', '8a', '6b', '7b'), 8, ledger(99, 8))).toEqual({ from: 6, to: 7, hash: '7b' });
  });
});
