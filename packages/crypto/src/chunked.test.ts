import { describe, expect, it } from 'vitest';
import { type Bytes, concatBytes, randomBytes } from './bytes.ts';
import {
  ATTACHMENT_BYTES_MAX,
  CHUNK_BYTES,
  CHUNKED_HEADER_BYTES,
  chunkedLayout,
  chunkedSize,
  openChunkAt,
  openChunks,
  sealChunks,
} from './chunked.ts';

const code = (name: string): unknown => expect.objectContaining({ name: 'CryptoError', code: name });
const SEALED_CHUNK = CHUNK_BYTES + 16;
const key = randomBytes(32);
const context = ['salus:attachment:v1', 'owner', 'id'];

describe('an attachment', () => {
  it.each([0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7])(
    'of %i bytes opens to what was sealed, as a stream and chunk by chunk',
    async (size) => {
      const plaintext = pattern(size);
      const sealed = await seal(plaintext);
      expect(sealed).toHaveLength(chunkedSize(size));
      const { plaintextBytes, chunkCount } = chunkedLayout(sealed.length);
      expect(plaintextBytes).toBe(size);
      expect(same(await open(sealed), plaintext)).toBe(true);
      for (let index = 0; index < chunkCount; index += 1) {
        const chunk = await at(sealed, index);
        expect(same(chunk, plaintext.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES))).toBe(true);
      }
      await expect(at(sealed, chunkCount)).rejects.toThrow(code('bad-argument'));
      await expect(at(sealed, -1)).rejects.toThrow(code('bad-argument'));
    },
  );

  it('does not depend on the pieces in which it arrives', async () => {
    const plaintext = pattern(CHUNK_BYTES + 5000);
    const sealed = await collect(sealChunks({ key, context, source: cut(plaintext, 777) }));
    for (const size of [1, 13, 4096]) {
      const source = size === 1 ? cut(sealed.subarray(0, 50), 1, sealed.subarray(50)) : cut(sealed, size);
      expect(same(await collect(openChunks({ key, context, source })), plaintext)).toBe(true);
    }
  });

  it('is refused when chunks are swapped, doubled, left out or taken from another attachment', async () => {
    const plaintext = pattern(3 * CHUNK_BYTES + 100);
    const [sealed, other] = [await seal(plaintext), await seal(plaintext)];
    const header = sealed.subarray(0, CHUNKED_HEADER_BYTES);
    const chunk = (index: number): Uint8Array => chunkOf(sealed, index);
    const broken = {
      swapped: [header, chunk(1), chunk(0), chunk(2), chunk(3)],
      doubled: [header, chunk(0), chunk(0), chunk(1), chunk(2), chunk(3)],
      'left out': [header, chunk(0), chunk(2), chunk(3)],
      foreign: [header, chunk(0), chunkOf(other, 1), chunk(2), chunk(3)],
      'under another header': [other.subarray(0, CHUNKED_HEADER_BYTES), chunk(0), chunk(1), chunk(2), chunk(3)],
      'cut at a chunk': [header, chunk(0), chunk(1), chunk(2)],
      'cut in a chunk': [header, chunk(0), chunk(1).subarray(0, 500)],
      'without chunks': [header],
      'with a chunk too many': [sealed, chunk(3)],
    };
    for (const [what, parts] of Object.entries(broken)) {
      await expect(open(concatBytes(...parts)), what).rejects.toThrow(code('decryption-failed'));
    }
    await expect(at(concatBytes(header, chunk(0), chunk(1)), 1)).rejects.toThrow(code('decryption-failed'));
    await expect(at(sealed.subarray(0, sealed.length - 100), 3)).rejects.toThrow(code('bad-format'));
  });

  it('yields nothing of a chunk before the chunk has authenticated', async () => {
    const sealed = await seal(pattern(2 * CHUNK_BYTES));
    sealed[sealed.length - 1]! ^= 1;
    let yielded = 0;
    const reading = async (): Promise<void> => {
      for await (const chunk of openChunks({ key, context, source: [sealed] })) yielded += chunk.length;
    };
    await expect(reading()).rejects.toThrow(code('decryption-failed'));
    expect(yielded).toBe(CHUNK_BYTES);
  });

  it('opens with no other key, context, or changed header', async () => {
    const sealed = await seal(pattern(10));
    const source = [sealed];
    await expect(collect(openChunks({ key: randomBytes(32), context, source }))).rejects.toThrow(
      code('decryption-failed'),
    );
    await expect(collect(openChunks({ key, context: ['other'], source }))).rejects.toThrow(code('decryption-failed'));
    await expect(collect(openChunks({ key: randomBytes(31), context, source }))).rejects.toThrow(code('bad-key'));
    for (let byte = 0; byte < CHUNKED_HEADER_BYTES; byte += 1) {
      const changed = sealed.slice();
      changed[byte]! ^= 1;
      await expect(open(changed)).rejects.toThrow(code(byte < 7 ? 'bad-format' : 'decryption-failed'));
    }
    await expect(open(sealed.subarray(0, 45))).rejects.toThrow(code('bad-format'));
  });

  it('has one sealed form only: an empty chunk after a full one is refused', async () => {
    const sizes = [CHUNKED_HEADER_BYTES, CHUNKED_HEADER_BYTES + 15, CHUNKED_HEADER_BYTES + SEALED_CHUNK + 16, -1, 0.5];
    for (const size of sizes) expect(() => chunkedLayout(size)).toThrow(code('bad-format'));
  });

  it('holds at most 1 GiB, which is found out before it is all read', async () => {
    expect(chunkedLayout(chunkedSize(ATTACHMENT_BYTES_MAX)).chunkCount).toBe(1024);
    expect(() => chunkedSize(ATTACHMENT_BYTES_MAX + 1)).toThrow(code('too-large'));
    const oversized = CHUNKED_HEADER_BYTES + 1024 * SEALED_CHUNK + 17;
    expect(() => chunkedLayout(oversized)).toThrow(code('too-large'));
  });

  it('closes its source when it cannot be opened or its reader stops', async () => {
    let closed = 0;
    async function* watched(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
      try {
        yield bytes;
        yield bytes;
      } finally {
        closed += 1;
      }
    }
    await expect(collect(openChunks({ key, context, source: watched(new Uint8Array(60)) }))).rejects.toThrow(
      code('bad-format'),
    );
    for await (const part of sealChunks({ key, context, source: watched(pattern(CHUNK_BYTES + 1)) })) {
      if (part.length === SEALED_CHUNK) break;
    }
    expect(closed).toBe(2);
  });
});

function pattern(size: number): Uint8Array {
  return new Uint8Array(size).map((_, at) => (at * 7 + (at >> 12)) & 255);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part.slice());
  return concatBytes(...parts);
}

async function* cut(bytes: Uint8Array, size: number, rest = new Uint8Array(0)): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  yield rest;
}

const seal = (plaintext: Uint8Array): Promise<Bytes> => collect(sealChunks({ key, context, source: [plaintext] }));
const open = (sealed: Uint8Array): Promise<Bytes> => collect(openChunks({ key, context, source: [sealed] }));

function at(sealed: Uint8Array, index: number): Promise<Bytes> {
  const read = async (start: number, end: number): Promise<Uint8Array> => sealed.subarray(start, end);
  return openChunkAt({ key, context, index, sealedBytes: sealed.length, read });
}

function chunkOf(sealed: Uint8Array, index: number): Uint8Array {
  const start = CHUNKED_HEADER_BYTES + index * SEALED_CHUNK;
  return sealed.subarray(start, start + SEALED_CHUNK);
}

/** Megabytes are compared by hand: an assertion on equality would format them. */
function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
