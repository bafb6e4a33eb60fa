import { afterEach, describe, expect, it, vi } from 'vitest';
import { scaled } from './scale.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('scaled', () => {
  it('runs the reduced count unless told otherwise', () => {
    vi.stubEnv('SALUS_TEST_SCALE', undefined);
    expect(scaled(10, 1000)).toBe(10);
  });

  it('runs the full count at full scale', () => {
    vi.stubEnv('SALUS_TEST_SCALE', 'full');
    expect(scaled(10, 1000)).toBe(1000);
  });

  it('refuses a scale that it does not know instead of quietly running less', () => {
    vi.stubEnv('SALUS_TEST_SCALE', 'ful');
    expect(() => scaled(10, 1000)).toThrow(/SALUS_TEST_SCALE/);
  });
});
