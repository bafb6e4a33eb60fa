import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { dataLayout, findNetworkFile, lockDataDirectory, writeNetworkFile } from './data-directory.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function temporary() {
  const directory = mkdtempSync(join(tmpdir(), 'salus-data-'));
  directories.push(directory);
  return dataLayout(directory);
}

const FILE = {
  network: 'AAAAAAAAAAAAAAAAAAAAAA',
  organisations: [{ slug: 'hospital-a', node: 'AAAAAAAAAAAAAAAAAAAAAA' }],
  demonstration: true,
  ledgerKey: 'B',
};

describe('data directory', () => {
  it('is one process’s at a time, also against this process, and free again afterwards', () => {
    const layout = temporary();
    const other = `import { dataLayout, lockDataDirectory } from ${JSON.stringify(new URL('./data-directory.ts', import.meta.url).href)};
      try { lockDataDirectory(dataLayout(${JSON.stringify(layout.directory)})); console.log('locked'); } catch (error) { console.log(error.code); }`;
    const attempt = () =>
      spawnSync(process.execPath, ['--input-type=module', '-e', other], { encoding: 'utf8' }).stdout.trim();
    const lock = lockDataDirectory(layout);
    expect(() => lockDataDirectory(layout)).toThrow(/Another process/);
    expect(attempt()).toBe('data-directory-in-use');
    lock[Symbol.dispose]();
    expect(attempt()).toBe('locked');
    // That process ended without giving the lock back.
    expect(() => lockDataDirectory(layout)[Symbol.dispose]()).not.toThrow();
  });

  it('says what network it holds, and nothing when it is empty or its founding was interrupted', () => {
    const layout = temporary();
    expect(findNetworkFile(layout)).toBeUndefined();
    lockDataDirectory(layout)[Symbol.dispose]();
    expect(findNetworkFile(layout)).toBeUndefined();
    writeNetworkFile(layout, FILE);
    expect(findNetworkFile(layout)).toEqual(FILE);
  });

  it('refuses a directory of something else and a file of another version', () => {
    const layout = temporary();
    writeFileSync(join(layout.directory, 'thesis.txt'), 'mine');
    expect(() => findNetworkFile(layout)).toThrow(/neither empty nor a data directory/);
    writeFileSync(layout.networkFile, '{"version":"salus:node:v2"}');
    expect(() => findNetworkFile(layout)).toThrow(/not of version salus:node:v1/);
    writeFileSync(layout.networkFile, '{');
    expect(() => findNetworkFile(layout)).toThrow(/not of version salus:node:v1/);
  });
});
