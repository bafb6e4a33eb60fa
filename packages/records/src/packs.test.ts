import { mkdtemp, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256, toBase64url } from '@salus/crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newId } from './index-rows.ts';
import { FilePacks } from './packs.ts';

let directory: string;
let packs: FilePacks;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'salus-packs-'));
  packs = new FilePacks(directory);
});
afterEach(async () => {
  packs[Symbol.dispose]();
  await rm(directory, { recursive: true });
});

test('reads each object where it was written, and writes a pack once', async () => {
  const id = newId();
  await packs.write(id, [Buffer.from('first'), Buffer.from('second')]);
  expect(Buffer.from(packs.read(id, 0, 5)).toString()).toBe('first');
  expect(Buffer.from(packs.read(id, 5, 6)).toString()).toBe('second');
  await expect(packs.write(id, [Buffer.from('other')])).rejects.toMatchObject({ code: 'corrupt' });
  expect((await stat(packs.pathOf(id))).mode & 0o777).toBe(0o600);
});

test('says when a pack is missing or too short', async () => {
  const id = newId();
  expect(() => packs.read(id, 0, 1)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  await packs.write(id, [Buffer.from('first')]);
  await truncate(packs.pathOf(id), 4);
  expect(() => packs.read(id, 0, 5)).toThrow(expect.objectContaining({ code: 'corrupt' }));
});

test('tells whether a pack holds the objects that rows name', async () => {
  const id = newId();
  const objects = [Buffer.from('first'), Buffer.from('second')];
  await packs.prepare(id);
  await packs.write(id, objects);
  const rows = objects.map((object, at) => ({
    packOffset: at * 5,
    packLength: object.length,
    ciphertextHash: toBase64url(sha256(object)),
  }));
  expect(packs.isWhole(id, rows)).toBe(true);
  expect(packs.isWhole(id, [{ ...rows[0]!, packOffset: 1 }])).toBe(false);
  await truncate(packs.pathOf(id), 10);
  expect(packs.isWhole(id, rows)).toBe(false);
  expect(packs.isWhole(newId(), rows)).toBe(false);
});

test('makes no path of anything but an id', async () => {
  for (const id of ['', '../../../etc/passwd', `${'a'.repeat(19)}/..`, 'a'.repeat(23), `${'a'.repeat(21)}\0`]) {
    expect(() => packs.pathOf(id)).toThrow(expect.objectContaining({ code: 'bad-input' }));
    await expect(packs.write(id, [])).rejects.toMatchObject({ code: 'bad-input' });
    await expect(packs.remove(id)).rejects.toMatchObject({ code: 'bad-input' });
  }
});

test('erases a range to zeros and leaves its neighbours', async () => {
  const id = newId();
  await packs.write(id, [Buffer.from('first'), Buffer.alloc(200_000, 'x'), Buffer.from('last')]);
  await packs.erase(id, [{ offset: 5, length: 200_000 }]);
  const bytes = await readFile(packs.pathOf(id));
  expect(bytes.subarray(0, 5).toString()).toBe('first');
  expect(bytes.subarray(5, 200_005).every((byte) => byte === 0)).toBe(true);
  expect(bytes.subarray(200_005).toString()).toBe('last');
  await packs.erase(newId(), [{ offset: 0, length: 1 }]);
});

test('lists what is there, keeps many packs readable, and removes', async () => {
  const ids = Array.from({ length: 300 }, newId);
  for (const id of ids) await packs.write(id, [Buffer.from(id)]);
  for (const id of [...ids, ...ids]) expect(Buffer.from(packs.read(id, 0, 22)).toString()).toBe(id);
  const listed: string[] = [];
  for await (const shard of packs.list()) listed.push(...shard);
  expect(listed.sort()).toEqual([...ids].sort());
  for (const id of ids) await packs.remove(id);
  await packs.remove(newId());
  for await (const shard of packs.list()) expect(shard).toEqual([]);
});
