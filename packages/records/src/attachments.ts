import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ByteSource, chunkedLayout, openChunkAt, openChunks, randomBytes, sealChunks } from '@salus/crypto';
import { newId } from './index-rows.ts';
import { makeDurableDirectory, syncDirectory } from './packs.ts';
import { RecordsError } from './records-error.ts';
import type { WrittenAttachment } from './write-order.ts';

const KEY_BYTES = 32;
const READ_BYTES = 1024 * 1024;
const ID = /^[\w-]{22}$/;
const NAME = /^([\w-]{22})\.attachment$/;

/** An attachment as its record names it: whoever opens the record can open it. */
export interface AttachmentName extends WrittenAttachment {
  readonly key: Uint8Array;
}

/**
 * Large content as files of their own, `<directory>/<first two characters>/<id>.attachment`, in chunks of 1 MiB that
 * authenticate alone (crypto `sealChunks`), at most 1 GiB each. Nothing is ever held in memory whole.
 */
export class Attachments {
  readonly #directory: string;
  readonly #durableDirectories = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Encrypts a stream into a new file; resolves when file and name are durable. Beyond 1 GiB crypto throws `too-large`. */
  async write(source: ByteSource): Promise<AttachmentName> {
    const attachmentId = newId();
    const key = randomBytes(KEY_BYTES);
    const path = this.#pathOf(attachmentId);
    await this.#ensureDirectory(dirname(path));
    const file = await open(path, 'wx', 0o600);
    try {
      const { fileBytes, fileHash } = await writeSealed(
        file,
        sealChunks({ key, context: attachmentContext(attachmentId), source }),
      );
      await file.datasync();
      await file.close();
      await syncDirectory(dirname(path));
      return { attachmentId, key, fileBytes, fileHash };
    } catch (error) {
      await file.close();
      await this.remove(attachmentId);
      throw error;
    }
  }

  /**
   * The plaintext, chunk by chunk, each as soon as it has authenticated. `attachment-truncated` before the first chunk
   * when the file is missing or has another size; changed bytes throw crypto's `decryption-failed`.
   */
  async *read(name: AttachmentName): AsyncGenerator<Uint8Array> {
    const file = await this.#open(name);
    try {
      yield* openChunks({ key: name.key, context: attachmentContext(name.attachmentId), source: piecesOf(file) });
    } finally {
      await file.close();
    }
  }

  /** Bytes `[start, end)` of the sealed file, for a receiver that opens chunks itself. */
  async readSealed(name: WrittenAttachment, start: number, end: number): Promise<Uint8Array> {
    const file = await this.#open(name);
    try {
      return await readRange(file, start, end);
    } finally {
      await file.close();
    }
  }

  /** Chunk `index` alone. */
  async readChunk(name: AttachmentName, index: number): Promise<Uint8Array> {
    const file = await this.#open(name);
    try {
      const read = (start: number, end: number): Promise<Uint8Array> => readRange(file, start, end);
      const { key, attachmentId, fileBytes } = name;
      return await openChunkAt({ key, context: attachmentContext(attachmentId), index, sealedBytes: fileBytes, read });
    } finally {
      await file.close();
    }
  }

  /** Overwrites and removes a file; a missing one is as good as removed. */
  async remove(attachmentId: string): Promise<void> {
    const path = this.#pathOf(attachmentId);
    try {
      const file = await open(path, 'r+');
      try {
        const { size } = await file.stat();
        const zeros = new Uint8Array(READ_BYTES);
        for (let at = 0; at < size; at += READ_BYTES) await file.write(zeros, 0, Math.min(READ_BYTES, size - at), at);
        await file.datasync();
      } finally {
        await file.close();
      }
      await unlink(path);
      await syncDirectory(dirname(path));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    }
  }

  /** Ids of all files, directory by directory. */
  async *list(): AsyncGenerator<readonly string[]> {
    for (const shard of await listDirectory(this.#directory)) {
      const names = await listDirectory(join(this.#directory, shard));
      yield names.flatMap((name) => NAME.exec(name)?.[1] ?? []);
    }
  }

  async #open({ attachmentId, fileBytes }: WrittenAttachment): Promise<FileHandle> {
    const path = this.#pathOf(attachmentId);
    const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return undefined;
      throw cause;
    });
    if (found?.size !== fileBytes) {
      throw new RecordsError(
        'attachment-truncated',
        'an attachment is missing or has another size than its record says',
      );
    }
    return open(path, 'r');
  }

  #pathOf(attachmentId: string): string {
    if (!ID.test(attachmentId)) throw new RecordsError('bad-input', 'an attachment id has 22 characters of base64url');
    return join(this.#directory, attachmentId.slice(0, 2), `${attachmentId}.attachment`);
  }

  async #ensureDirectory(directory: string): Promise<void> {
    if (this.#durableDirectories.has(directory)) return;
    await makeDurableDirectory(directory);
    this.#durableDirectories.add(directory);
  }
}

/** Size of the content of a sealed file. */
export function contentBytesOf({ fileBytes }: Pick<WrittenAttachment, 'fileBytes'>): number {
  return chunkedLayout(fileBytes).plaintextBytes;
}

/** What a sealed file authenticates: it opens under no other id. */
export function attachmentContext(attachmentId: string): readonly string[] {
  return ['salus:attachment:v1', attachmentId];
}

async function writeSealed(
  file: FileHandle,
  pieces: AsyncIterable<Uint8Array>,
): Promise<{ readonly fileBytes: number; readonly fileHash: string }> {
  const hash = createHash('sha256');
  let fileBytes = 0;
  for await (const piece of pieces) {
    hash.update(piece);
    await file.write(piece, 0, piece.length, fileBytes);
    fileBytes += piece.length;
  }
  return { fileBytes, fileHash: hash.digest('base64url') };
}

async function* piecesOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await file.read(new Uint8Array(READ_BYTES), 0, READ_BYTES, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function readRange(file: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const { bytesRead, buffer } = await file.read(new Uint8Array(end - start), 0, end - start, start);
  return buffer.subarray(0, bytesRead);
}

async function listDirectory(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}
