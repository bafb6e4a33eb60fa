import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CHUNK_BYTES, randomBytes } from '@salus/crypto';
import type { FhirTree } from '@salus/fhir';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { extractAttachments, findReferences, INLINE_BYTES_MAX, inlineAttachments } from './attachment-reference.ts';
import { type AttachmentName, Attachments } from './attachments.ts';

let directory: string;
let attachments: Attachments;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'salus-attachments-'));
  attachments = new Attachments(directory);
});
afterEach(() => rm(directory, { recursive: true }));

const SIZES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 17];

async function readAll(name: AttachmentName): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of attachments.read(name)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function fileOf({ attachmentId }: AttachmentName): Promise<string> {
  return join(directory, attachmentId.slice(0, 2), `${attachmentId}.attachment`);
}

function content(bytes: number): Buffer {
  const unit = Buffer.from(randomBytes(4096));
  return Buffer.alloc(bytes, unit);
}

test.each(SIZES)('streams %i bytes in and out, whole and chunk by chunk', async (bytes) => {
  const original = content(bytes);
  const pieces = async function* () {
    for (let at = 0; at < original.length; at += 100_000) yield original.subarray(at, at + 100_000);
  };
  const name = await attachments.write(pieces());
  expect((await readAll(name)).equals(original)).toBe(true);
  const chunks = Math.max(1, Math.ceil(bytes / CHUNK_BYTES));
  for (let index = 0; index < chunks; index += 1) {
    const expected = original.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    expect(expected.equals(await attachments.readChunk(name, index))).toBe(true);
  }
});

test('notices a file that was cut, at every boundary, and one that is missing', async () => {
  const name = await attachments.write([content(3 * CHUNK_BYTES)]);
  const file = await fileOf(name);
  const whole = await readFile(file);
  const sealedChunk = CHUNK_BYTES + 16;
  for (const length of [whole.length - 1, 46 + 2 * sealedChunk, 46 + sealedChunk, 46, 0]) {
    await truncate(file, length);
    await expect(readAll(name)).rejects.toMatchObject({ code: 'attachment-truncated' });
    // Even if the row were cut to match, the last chunk does not open as the last.
    await expect(readAll({ ...name, fileBytes: length })).rejects.toMatchObject({ name: 'CryptoError' });
    await writeFile(file, whole);
  }
  await rm(file);
  await expect(readAll(name)).rejects.toMatchObject({ code: 'attachment-truncated' });
});

test('yields nothing of a changed chunk, and opens with no other key or name', async () => {
  const original = content(2 * CHUNK_BYTES);
  const name = await attachments.write([original]);
  const other = await attachments.write([original]);
  await expect(readAll({ ...name, key: other.key })).rejects.toMatchObject({ code: 'decryption-failed' });
  const file = await fileOf(name);
  await writeFile(await fileOf(other), await readFile(file));
  await expect(readAll({ ...other, key: name.key })).rejects.toMatchObject({ code: 'decryption-failed' });
  const bytes = await readFile(file);
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
  await writeFile(file, bytes);
  const seen: Uint8Array[] = [];
  const read = async () => {
    for await (const chunk of attachments.read(name)) seen.push(chunk);
  };
  await expect(read()).rejects.toMatchObject({ code: 'decryption-failed' });
  expect(seen).toHaveLength(1);
});

test('leaves no file of a stream that fails', async () => {
  const failing = async function* () {
    yield content(CHUNK_BYTES * 2);
    throw new Error('the sender went away');
  };
  await expect(attachments.write(failing())).rejects.toThrow('went away');
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  expect(entries.filter((entry) => entry.isFile())).toEqual([]);
});

const large = (bytes: number) => Buffer.alloc(bytes, 'abc').toString('base64');
const binary = (data: string): FhirTree => ({ resourceType: 'Binary', contentType: 'text/plain', data });

test('moves only content above the limit into files, and puts back the very text', async () => {
  const wrapped = large(INLINE_BYTES_MAX + 1).replace(/(.{76})/g, '$1\n');
  for (const [data, files] of [
    [large(INLINE_BYTES_MAX), 0],
    [large(INLINE_BYTES_MAX + 3), 1],
    [large(INLINE_BYTES_MAX + 2), 1],
    [wrapped, 1],
  ] as const) {
    const { tree, written } = await extractAttachments(attachments, binary(data));
    expect(written).toHaveLength(files);
    const text = JSON.stringify(tree);
    expect(findReferences(text)).toHaveLength(files);
    if (files === 1) expect(text.length).toBeLessThan(1_000);
    expect(await inlineAttachments(attachments, text)).toBe(JSON.stringify(binary(data)));
  }
});

test('finds content wherever it stands, and takes no text of a resource for a reference', async () => {
  const data = large(INLINE_BYTES_MAX + 300);
  const { tree } = await extractAttachments(attachments, binary(data));
  const reference = (tree as { readonly data: string }).data;
  await expect(extractAttachments(attachments, binary(reference))).rejects.toMatchObject({ code: 'bad-input' });
  const note = { resourceType: 'Basic', code: { text: `"data":"${reference}"` }, content: [{ attachment: { data } }] };
  const extracted = await extractAttachments(attachments, note);
  expect(extracted.written).toHaveLength(1);
  const text = JSON.stringify(extracted.tree);
  expect(findReferences(text)).toHaveLength(1);
  expect(await inlineAttachments(attachments, text)).toBe(JSON.stringify(note));
});
