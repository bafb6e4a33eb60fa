import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { seededProperties } from './seeded-properties.ts';

afterEach(() => vi.unstubAllEnvs());

it('draws the same cases in every run, and others where another seed is named', () => {
  const seed = Number(process.env.SALUS_TEST_SEED ?? 20_261_122);
  expect(fc.readConfigureGlobal().seed).toBe(seed);
  const drawn: number[] = [];
  fc.assert(fc.property(fc.integer(), (value) => drawn.push(value) > 0));
  expect(drawn).toHaveLength(100);
  expect(fc.sample(fc.integer(), { numRuns: 3, seed })).toEqual(fc.sample(fc.integer(), { numRuns: 3, seed }));
  expect(fc.sample(fc.integer(), { numRuns: 3, seed: seed + 1 })).not.toEqual(
    fc.sample(fc.integer(), { numRuns: 3, seed }),
  );
});

it('takes no seed that is no whole number', () => {
  vi.stubEnv('SALUS_TEST_SEED', 'by chance');
  expect(() => seededProperties()).toThrow(RangeError);
});
