import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { LONGEST } from './longest-first.ts';

it('begins with test files that there are, each named once', () => {
  const root = resolve(import.meta.dirname, '..');
  expect(LONGEST.length).toBeGreaterThan(10);
  expect(new Set(LONGEST).size).toBe(LONGEST.length);
  expect(LONGEST.filter((path) => !path.endsWith('.test.ts') || !existsSync(join(root, path)))).toEqual([]);
});
