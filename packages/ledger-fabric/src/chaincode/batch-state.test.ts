import type { Entry, Json, Write } from '@salus/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchState, type StateReader } from './batch-state.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const write = fc.tuple(key, fc.option(fc.nat(9), { nil: null }));

function stateOf(entries: ReadonlyMap<string, Json>): StateReader {
  return {
    get: (wanted) => entries.get(wanted),
    range: (start, end, limit): readonly Entry[] =>
      [...entries]
        .filter(([found]) => found >= start && found < end)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .slice(0, limit)
        .map(([found, value]) => ({ key: found, value })),
  };
}

describe('committed state under the writes of a transaction', () => {
  it('reads as if every call had been committed before the next', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(key, fc.nat(9))),
        fc.array(fc.array(write)),
        fc.integer({ min: 1, max: 7 }),
        async (committed, calls, limit) => {
          const batch = new BatchState(stateOf(new Map(committed)));
          const plain = new Map<string, Json>(committed);
          for (const writes of calls) {
            batch.apply(writes as readonly Write[]);
            for (const [name, value] of writes) {
              if (value === null) plain.delete(name);
              else plain.set(name, value);
            }
          }
          const expected = stateOf(plain);
          for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
            expect(await batch.get(name)).toEqual(await expected.get(name));
          for (const [start, end] of [
            ['a', 'z'],
            ['b', 'e'],
            ['c', 'c'],
          ] as const)
            expect(await batch.range(start, end, limit)).toEqual(await expected.range(start, end, limit));
        },
      ),
    );
  });

  it('gives the last write of each key, in order, and tells deletions of what was never there', () => {
    const batch = new BatchState(stateOf(new Map()));
    batch.apply([
      ['b', 1],
      ['a', 1],
    ]);
    batch.apply([
      ['b', null],
      ['c', null],
    ]);
    expect(batch.writes()).toEqual([
      ['a', 1],
      ['b', null],
      ['c', null],
    ]);
    expect(batch.size).toBe(3);
  });
});
