import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { templateFolder } from './template-folder.ts';

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
