import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { testData } from './test-data.ts';

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-test-data-'));
  writeFileSync(join(folder, 'vectors.json'), '[]');
  vi.stubEnv('SALUS_TEST_DATA', folder);
  vi.stubEnv('SALUS_TEST_REQUIRE', undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe('testData', () => {
  it('finds data below SALUS_TEST_DATA', () => {
    expect(testData('vectors.json')).toBe(join(folder, 'vectors.json'));
  });

  it('says aloud, once, what is skipped without the data', () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(testData('absent.json')).toBeUndefined();
    expect(testData('absent.json')).toBeUndefined();
    expect(write).toHaveBeenCalledTimes(1);
    expect(String(write.mock.calls[0]?.[0])).toMatch(/^skipped: test data "absent\.json" is absent/);
  });

  it('throws on absent data when everything is required', () => {
    vi.stubEnv('SALUS_TEST_REQUIRE', 'all');
    expect(() => testData('absent.json')).toThrow(/absent\.json/);
  });

  it('refuses a path that leaves the data folder', () => {
    expect(() => testData('../secret')).toThrow(RangeError);
    expect(() => testData('/etc/passwd')).toThrow(RangeError);
  });
});
