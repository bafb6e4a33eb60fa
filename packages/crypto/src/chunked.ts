import { aesGcmOpen, aesGcmSeal } from '#primitives';
import { AEAD_NONCE_BYTES, AEAD_TAG_BYTES, KEY_BYTES } from './aead.ts';
import { type Bytes, concatBytes, equalBytes, randomBytes, utf8 } from './bytes.ts';
import { canonicalBytes, type Json } from './canonical-json.ts';
import { CryptoError } from './crypto-error.ts';
import { hkdfSha256 } from './hash.ts';

/**
 * Attachments in chunks that authenticate alone, after the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015):
 *
 *     header = magic 4 ‖ version 1 ‖ algorithm 1 ‖ log2(chunk size) 1 ‖ salt 32 ‖ nonce prefix 7
 *     subkey = HKDF-SHA-256(key, salt, "salus:chunked:v1" ‖ header ‖ canonical(context))
 *     chunk i = AES-256-GCM(subkey, prefix ‖ i as 4 bytes ‖ (1 if last else 0), plaintext i)
 *
 * A chunk opens only at its own place of its own attachment, and the last one only as the last: reordering, duplication
 * and truncation fail. Every chunk but the last is full; the last is empty only when the whole is.
 */
export type ChunkedContext = {
  readonly key: Uint8Array;
  /** What the attachment is; opening demands the same. */
  readonly context: readonly Json[];
};

export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

export const CHUNK_BYTES = 1024 * 1024;
export const ATTACHMENT_BYTES_MAX = 1024 * 1024 * 1024;
export const CHUNKED_HEADER_BYTES = 46;

const PREFIX_BYTES = 7;
const SALT_BYTES = 32;
const SEALED_CHUNK_BYTES = CHUNK_BYTES + AEAD_TAG_BYTES;
const FIXED_HEADER = concatBytes(utf8('SATT'), Uint8Array.of(1, 1, 20));
const LABEL = utf8('salus:chunked:v1');
const NO_AAD = new Uint8Array(0);

/** Size of the sealed form of `plaintextBytes`; beyond 1 GiB throws `too-large`. */
export function chunkedSize(plaintextBytes: number): number {
  requireBound(plaintextBytes);
  return CHUNKED_HEADER_BYTES + plaintextBytes + chunkCountOf(plaintextBytes) * AEAD_TAG_BYTES;
}

/** Size of the plaintext and number of chunks in a sealed form of `sealedBytes`; an impossible size throws `bad-format`. */
export function chunkedLayout(sealedBytes: number): { readonly plaintextBytes: number; readonly chunkCount: number } {
  const body = sealedBytes - CHUNKED_HEADER_BYTES;
  const chunkCount = Math.ceil(body / SEALED_CHUNK_BYTES);
  const plaintextBytes = body - chunkCount * AEAD_TAG_BYTES;
  const possible =
    Number.isSafeInteger(sealedBytes) && plaintextBytes >= 0 && chunkCount === chunkCountOf(plaintextBytes);
  if (!possible) throw new CryptoError('bad-format', 'no attachment has this size');
  requireBound(plaintextBytes);
  return { plaintextBytes, chunkCount };
}

/** Encrypts a stream of pieces of any size; yields the header, then one sealed chunk a time. Beyond 1 GiB throws `too-large`. */
export async function* sealChunks(input: ChunkedContext & { readonly source: ByteSource }): AsyncGenerator<Bytes> {
  const header = concatBytes(FIXED_HEADER, randomBytes(SALT_BYTES), randomBytes(PREFIX_BYTES));
  const subkey = subkeyOf(input, header);
  yield header;
  let plaintextBytes = 0;
  for await (const { block, index, last } of blocksOf(input.source, CHUNK_BYTES)) {
    plaintextBytes += block.length;
    requireBound(plaintextBytes);
    yield aesGcmSeal(subkey, nonceOf(header, index, last), NO_AAD, block);
  }
}

/**
 * Decrypts a stream made by `sealChunks`, cut into pieces of any size; yields the plaintext of each chunk once it has
 * authenticated. What was yielded is part of the attachment, and it was all only when the iteration ends without error.
 * Throws `bad-format`, `decryption-failed`, `too-large`.
 */
export async function* openChunks(input: ChunkedContext & { readonly source: ByteSource }): AsyncGenerator<Bytes> {
  const pieces = piecesOf(input.source);
  try {
    const { header, rest } = await readHeader(pieces);
    const subkey = subkeyOf(input, header);
    let plaintextBytes = 0;
    for await (const { block, index, last } of blocksOf(continued(rest, pieces), SEALED_CHUNK_BYTES)) {
      const plaintext = openAt(subkey, header, { block, index, last });
      plaintextBytes += plaintext.length;
      requireBound(plaintextBytes);
      yield plaintext;
    }
  } finally {
    await pieces.return(undefined);
  }
}

export type ChunkAt = ChunkedContext & {
  readonly index: number;
  /** Size of the whole sealed attachment, from a trusted place or simply from storage: a cut one fails at its last chunk. */
  readonly sealedBytes: number;
  /** Reads `[start, end)` of the sealed attachment. */
  readonly read: (start: number, end: number) => Promise<Uint8Array>;
};

/** Decrypts chunk `index` alone. An index that the attachment lacks throws `bad-argument`; else as `openChunks`. */
export async function openChunkAt(input: ChunkAt): Promise<Bytes> {
  const { chunkCount } = chunkedLayout(input.sealedBytes);
  const { index } = input;
  if (!Number.isInteger(index) || index < 0 || index >= chunkCount) {
    throw new CryptoError('bad-argument', `the attachment has ${chunkCount} chunks`);
  }
  const header = new Uint8Array(await input.read(0, CHUNKED_HEADER_BYTES));
  const start = CHUNKED_HEADER_BYTES + index * SEALED_CHUNK_BYTES;
  const block = await input.read(start, Math.min(start + SEALED_CHUNK_BYTES, input.sealedBytes));
  return openAt(subkeyOf(input, header), header, { block, index, last: index === chunkCount - 1 });
}

type Block = { readonly block: Uint8Array; readonly index: number; readonly last: boolean };

function openAt(subkey: Uint8Array, header: Uint8Array, { block, index, last }: Block): Bytes {
  const plaintext = aesGcmOpen(subkey, nonceOf(header, index, last), NO_AAD, block);
  // A full last chunk followed by an empty one would be a second form of the same attachment.
  if (plaintext === undefined || (plaintext.length === 0 && index > 0)) {
    throw new CryptoError('decryption-failed', 'a chunk is changed, missing, misplaced or of another attachment');
  }
  return plaintext;
}

function subkeyOf(input: ChunkedContext, header: Uint8Array): Bytes {
  if (input.key.length !== KEY_BYTES) throw new CryptoError('bad-key', 'an AES-256 key has 32 bytes');
  const known =
    header.length === CHUNKED_HEADER_BYTES && equalBytes(header.subarray(0, FIXED_HEADER.length), FIXED_HEADER);
  if (!known) throw new CryptoError('bad-format', 'an attachment has no known magic, version and algorithm');
  const salt = header.subarray(FIXED_HEADER.length, FIXED_HEADER.length + SALT_BYTES);
  return hkdfSha256(input.key, salt, concatBytes(LABEL, header, canonicalBytes(input.context)), KEY_BYTES);
}

function nonceOf(header: Uint8Array, index: number, last: boolean): Bytes {
  const nonce = new Uint8Array(AEAD_NONCE_BYTES);
  nonce.set(header.subarray(CHUNKED_HEADER_BYTES - PREFIX_BYTES), 0);
  new DataView(nonce.buffer).setUint32(PREFIX_BYTES, index);
  nonce[AEAD_NONCE_BYTES - 1] = last ? 1 : 0;
  return nonce;
}

async function* piecesOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  yield* source;
}

async function* continued(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function readHeader(pieces: AsyncIterator<Uint8Array>): Promise<{ header: Bytes; rest: Uint8Array }> {
  let start: Bytes = new Uint8Array(0);
  while (start.length < CHUNKED_HEADER_BYTES) {
    const next = await pieces.next();
    if (next.done === true) throw new CryptoError('bad-format', 'an attachment ends within its header');
    start = concatBytes(start, next.value);
  }
  return { header: start.slice(0, CHUNKED_HEADER_BYTES), rest: start.subarray(CHUNKED_HEADER_BYTES) };
}

/** Cuts a stream into blocks of `size`; the last one, known as such, is shorter or full, and empty for an empty stream only. */
async function* blocksOf(source: ByteSource, size: number): AsyncGenerator<Block> {
  let block = new Uint8Array(size);
  let filled = 0;
  let index = 0;
  for await (const piece of source) {
    let at = 0;
    while (at < piece.length) {
      if (filled === size) {
        yield { block, index, last: false };
        block = new Uint8Array(size);
        filled = 0;
        index += 1;
      }
      const taken = Math.min(size - filled, piece.length - at);
      block.set(piece.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
    }
  }
  yield { block: block.subarray(0, filled), index, last: true };
}

function chunkCountOf(plaintextBytes: number): number {
  return Math.max(1, Math.ceil(plaintextBytes / CHUNK_BYTES));
}

function requireBound(plaintextBytes: number): void {
  if (!Number.isSafeInteger(plaintextBytes) || plaintextBytes < 0 || plaintextBytes > ATTACHMENT_BYTES_MAX) {
    throw new CryptoError('too-large', `an attachment holds at most ${ATTACHMENT_BYTES_MAX} bytes`);
  }
}
