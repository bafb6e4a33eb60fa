import { expect, test } from 'vitest';
import { BoundedCache } from './bounded-cache.ts';

test('keeps what is used and forgets what is not, within its bound', () => {
  const cache = new BoundedCache<number>(10);
  cache.put('used', -1);
  for (let at = 0; at < 100; at += 1) {
    cache.put(`once-${at}`, at);
    expect(cache.find('used')).toBe(-1);
  }
  const kept = Array.from({ length: 100 }, (_, at) => cache.find(`once-${at}`)).filter((value) => value !== undefined);
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.length).toBeLessThan(10);
});

test('gives the last value of a key, whichever generation held an earlier one', () => {
  const cache = new BoundedCache<number>(4);
  for (let at = 0; at < 50; at += 1) {
    cache.put('key', at);
    cache.put(`other-${at}`, 0);
    expect(cache.find('key')).toBe(at);
  }
});

test('finds nothing of what was deleted or cleared', () => {
  const cache = new BoundedCache<number>(4);
  for (const key of ['a', 'b', 'c']) cache.put(key, 1);
  cache.delete('a');
  expect(cache.find('a')).toBeUndefined();
  cache.clear();
  expect(['b', 'c'].map((key) => cache.find(key))).toEqual([undefined, undefined]);
});
