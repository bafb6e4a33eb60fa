import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { s3Binary, s3Server } from '@salus/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../index-rows.ts';
import { type ObjectFolder, type ObjectPlace, openFolder } from './object-folder.ts';
import { PART_BYTES } from './s3-folder.ts';

const s3Program = s3Binary();

interface Engine {
  readonly place: ObjectPlace;
  close(): Promise<void>;
}

async function files(): Promise<Engine> {
  const place = await mkdtemp(join(tmpdir(), 'salus-objects-'));
  return { place, close: () => rm(place, { recursive: true }) };
}

async function bucket(): Promise<Engine> {
  const server = await s3Server(s3Program ?? '');
  return { place: { ...server, prefix: 'a/b/' }, close: async () => server[Symbol.asyncDispose]() };
}

async function* pieces(bytes: Uint8Array, size = 1_000_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function idsOf(folder: ObjectFolder): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const some of folder.list()) ids.push(...some);
  return ids.sort();
}

const ENGINES: readonly (readonly [string, boolean, () => Promise<Engine>])[] = [
  ['files', true, files],
  ['an S3 bucket', s3Program !== undefined, bucket],
];

for (const [name, isHere, open] of ENGINES) {
  describe.skipIf(!isHere)(`objects in ${name}`, () => {
    let engine: Engine;
    let folder: ObjectFolder;
    beforeAll(async () => {
      engine = await open();
      folder = openFolder(engine.place, 'thing');
    }, 240_000);
    afterAll(() => engine.close());

    test.each([0, 1, 70_000, PART_BYTES, 2 * PART_BYTES + 17])(
      'gives back %i bytes as they were written',
      async (size) => {
        const [id, bytes] = [newId(), randomBytes(size)];
        await folder.write(id, pieces(bytes));
        await using object = await folder.open(id);
        expect(object?.sizeBytes).toBe(size);
        expect(Buffer.from((await object?.read(0, size)) ?? []).equals(bytes)).toBe(true);
        const middle = Math.floor(size / 2);
        expect(Buffer.from((await object?.read(middle, size)) ?? []).equals(bytes.subarray(middle))).toBe(true);
      },
      60_000,
    );

    test('leaves nothing of a write whose source breaks', async () => {
      const id = newId();
      const broken = async function* (): AsyncGenerator<Uint8Array> {
        yield randomBytes(2 * PART_BYTES);
        throw new Error('the source broke');
      };
      await expect(folder.write(id, broken())).rejects.toThrow('the source broke');
      expect(await folder.open(id)).toBeUndefined();
      expect(await idsOf(folder)).not.toContain(id);
    });

    test('lists what is there, and not what was removed', async () => {
      const [kept, gone] = [newId(), newId()];
      await folder.write(kept, pieces(randomBytes(10)));
      await folder.write(gone, pieces(randomBytes(10)));
      await folder.remove(gone);
      await folder.remove(gone);
      const ids = await idsOf(folder);
      expect(ids).toContain(kept);
      expect(ids).not.toContain(gone);
      expect(await folder.open(gone)).toBeUndefined();
    });

    test('makes no path of a name that is none', async () => {
      await expect(folder.write('../../etc/passwd', pieces(randomBytes(1)))).rejects.toMatchObject({
        code: 'bad-input',
      });
      await expect(folder.open('..')).rejects.toMatchObject({ code: 'bad-input' });
    });
  });
}
