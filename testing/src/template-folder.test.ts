import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { templateFolder } from './template-folder.ts';

const parent = mkdtempSync(join(tmpdir(), 'salus-template-test-'));
afterAll(() => rmSync(parent, { recursive: true, force: true }));
const HOUR_MS = 3_600_000;

it('is made once, and the same for everybody who asks at the same time', async () => {
  const kind = randomUUID();
  let made = 0;
  const make = async (folder: string): Promise<void> => {
    made += 1;
    writeFileSync(join(folder, 'by'), String(made));
  };
  const [first, second] = await Promise.all([templateFolder(kind, make), templateFolder(kind, make)]);
  try {
    expect(second).toBe(first);
    const by = readFileSync(join(first, 'by'), 'utf8');
    expect(await templateFolder(kind, make)).toBe(first);
    expect(readFileSync(join(first, 'by'), 'utf8')).toBe(by);
    expect(made).toBeLessThanOrEqual(2);
  } finally {
    rmSync(first, { recursive: true });
  }
});

it('is not there when it could not be made, and is made by the next', async () => {
  const kind = randomUUID();
  const fail = async (folder: string): Promise<void> => {
    writeFileSync(join(folder, 'half'), '');
    throw new Error('broke off');
  };
  await expect(templateFolder(kind, fail)).rejects.toThrow('broke off');
  const folder = await templateFolder(kind, async (path) => writeFileSync(join(path, 'whole'), ''));
  expect(readFileSync(join(folder, 'whole'), 'utf8')).toBe('');
  rmSync(folder, { recursive: true });
});

it('lies where no other user can plant one', async () => {
  const made = await templateFolder(randomUUID(), async () => {});
  rmSync(made, { recursive: true });
  expect(made).toContain(join('node_modules', '.cache'));
  expect(lstatSync(dirname(made)).mode & 0o077).toBe(0);
});

it('is not taken where somebody else may have put it: a link, or a folder that others may write to', async () => {
  const kind = randomUUID();
  const make = async (folder: string): Promise<void> => writeFileSync(join(folder, 'by'), 'me');
  const folder = await templateFolder(kind, make, parent);
  const planted = join(parent, `planted-${basename(folder)}`);
  mkdirSync(planted);
  rmSync(folder, { recursive: true });
  symlinkSync(planted, folder);
  await expect(templateFolder(kind, make, parent)).rejects.toThrow('not a folder of this user');
  rmSync(folder);
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  await expect(templateFolder(kind, make, parent)).rejects.toThrow('not a folder of this user');
  rmSync(folder, { recursive: true });
  expect(readFileSync(join(await templateFolder(kind, make, parent), 'by'), 'utf8')).toBe('me');
});

it('stays as long as somebody has asked for it lately, however old it is', async () => {
  const [inUse, forgotten] = [randomUUID(), randomUUID()];
  const make = async (): Promise<void> => {};
  const long = new Date(Date.now() - 7 * HOUR_MS);
  const used = await templateFolder(inUse, make, parent);
  const old = await templateFolder(forgotten, make, parent);
  for (const folder of [used, old]) utimesSync(folder, long, long);
  await templateFolder(inUse, make, parent);
  const outside = join(parent, 'outside');
  mkdirSync(outside);
  symlinkSync(outside, join(parent, 'link'));
  await templateFolder(randomUUID(), make, parent);
  expect([existsSync(used), existsSync(old), existsSync(outside)]).toEqual([true, false, true]);
});
