import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

/** What a browser gets before the first page stands (issue: at most 250 kB of compressed JavaScript). */
const INITIAL_BYTES_MAX = 250_000;
const dist = resolve(import.meta.dirname, '../dist');

it('the first page needs at most 250 kB of compressed JavaScript; the rest comes when somebody goes there', () => {
  // Built by `npm test`, before the tests.
  const folder = join(dist, 'builds', readFileSync(join(dist, 'current'), 'utf8'));
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  const scripts = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map(([, path]) => path!);
  expect(scripts.length).toBeGreaterThan(0);
  const sizes = scripts.map((path) => gzipSync(readFileSync(join(folder, path))).length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(INITIAL_BYTES_MAX);
});

it('the page has no script and no style of its own, and asks no other host', () => {
  const folder = join(dist, 'builds', readFileSync(join(dist, 'current'), 'utf8'));
  const page = readFileSync(join(folder, 'index.html'), 'utf8');
  expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|https?:\/\//i);
  expect(page).toContain('<script type="module"');
});
