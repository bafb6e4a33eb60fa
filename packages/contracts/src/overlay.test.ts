import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pure } from '../test/host.ts';
import type { Host } from './context.ts';
import type { Json } from './json.ts';
import { openOverlay, RANGE_MAX, WRITES_MAX } from './overlay.ts';

function hostOf(state: ReadonlyMap<string, Json>): Host {
  return {
    network: 'n',
    pure,
    get: async (key) => state.get(key),
    range: (start, end, limit) =>
      [...state]
        .filter(([key]) => key >= start && key < end)
        .sort(([left], [right]) => (left < right ? -1 : 1))
        .slice(0, limit)
        .map(([key, value]) => ({ key, value })),
  };
}

describe('openOverlay', () => {
  it('reads like a plain map after any sequence of puts and deletes, and leaves the state alone', async () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd/1', 'd/2', 'e');
    const step = fc.tuple(key, fc.option(fc.integer(), { nil: null }));
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(key, fc.integer()),
        fc.array(step),
        fc.integer({ min: 1, max: 4 }),
        async (initial, steps, limit) => {
          const state = new Map<string, Json>(Object.entries(initial));
          const model = new Map(state);
          const overlay = openOverlay(hostOf(state));
          for (const [name, value] of steps) {
            if (value === null) {
              overlay.delete(name);
              model.delete(name);
            } else {
              overlay.put(name, value);
              model.set(name, value);
            }
          }
          for (const name of ['a', 'b', 'c', 'd/1', 'd/2', 'e']) expect(await overlay.get(name)).toBe(model.get(name));
          expect(await overlay.range('b', 'e', limit)).toEqual(await hostOf(model).range('b', 'e', limit));
          expect(state).toEqual(new Map(Object.entries(initial)));
          const keys = overlay.writes().map(([name]) => name);
          expect(keys).toEqual([...new Set(steps.map(([name]) => name))].sort());
        },
      ),
    );
  });

  it('leaves undefined members out of what it stores', () => {
    const overlay = openOverlay(hostOf(new Map()));
    overlay.put('a', { kept: 1, left: undefined });
    expect(overlay.writes()).toEqual([['a', { kept: 1 }]]);
    expect(Object.keys(overlay.writes()[0]![1] as object)).toEqual(['kept']);
  });

  it('stops at keys that no engine could order alike, and at unbounded ranges', async () => {
    const overlay = openOverlay(hostOf(new Map()));
    for (const key of ['', 'a b', 'é', 'a\n', 'x'.repeat(513)]) expect(() => overlay.put(key, 1)).toThrow('printable');
    for (const limit of [0, RANGE_MAX + 1, 1.5]) await expect(overlay.range('a', 'b', limit)).rejects.toThrow('limit');
  });

  it('refuses a call that writes too many keys', () => {
    const overlay = openOverlay(hostOf(new Map()));
    for (let index = 0; index < WRITES_MAX; index++) overlay.put(`k${index}`, 1);
    overlay.put('k0', 2);
    expect(() => overlay.put('one-more', 1)).toThrow('limit-exceeded');
  });
});
