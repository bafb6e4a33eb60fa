import { createHash } from 'node:crypto';
import { type ByteSource, chunkedLayout, openChunkAt, openChunks, randomBytes, sealChunks } from '@salus/crypto';
import { newId } from './index-rows.ts';
import { type ObjectFolder, type ObjectPlace, type OpenObject, openFolder } from './objects/object-folder.ts';
import { RecordsError } from './records-error.ts';
import type { WrittenAttachment } from './write-order.ts';

const KEY_BYTES = 32;
const READ_BYTES = 1024 * 1024;

/** An attachment as its record names it: whoever opens the record can open it. */
export interface AttachmentName extends WrittenAttachment {
  readonly key: Uint8Array;
}

/**
 * Large content as objects of their own, in chunks of 1 MiB that authenticate alone (crypto `sealChunks`), at most 1 GiB
 * each. Nothing is ever held in memory whole.
 */
export class Attachments {
  readonly #folder: ObjectFolder;

  constructor(place: ObjectPlace) {
    this.#folder = openFolder(place, 'attachment');
  }

  /** Encrypts a stream into a new object; resolves when it is durable. Beyond 1 GiB crypto throws `too-large`. */
  async write(source: ByteSource): Promise<AttachmentName> {
    const attachmentId = newId();
    const key = randomBytes(KEY_BYTES);
    const hash = createHash('sha256');
    let fileBytes = 0;
    const sealed = sealChunks({ key, context: attachmentContext(attachmentId), source });
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of sealed) {
        hash.update(piece);
        fileBytes += piece.length;
        yield piece;
      }
    };
    await this.#folder.write(attachmentId, counted());
    return { attachmentId, key, fileBytes, fileHash: hash.digest('base64url') };
  }

  /**
   * The plaintext, chunk by chunk, each as soon as it has authenticated. `attachment-truncated` before the first chunk
   * when the object is missing or has another size; changed bytes throw crypto's `decryption-failed`.
   */
  async *read(name: AttachmentName): AsyncGenerator<Uint8Array> {
    await using object = await this.#open(name);
    yield* openChunks({ key: name.key, context: attachmentContext(name.attachmentId), source: piecesOf(object) });
  }

  /** Bytes `[start, end)` of the sealed object, for a receiver that opens chunks itself. */
  async readSealed(name: WrittenAttachment, start: number, end: number): Promise<Uint8Array> {
    await using object = await this.#open(name);
    return await object.read(start, end);
  }

  /** Chunk `index` alone. */
  async readChunk(name: AttachmentName, index: number): Promise<Uint8Array> {
    await using object = await this.#open(name);
    const read = (start: number, end: number): Promise<Uint8Array> => object.read(start, end);
    const { key, attachmentId, fileBytes } = name;
    return await openChunkAt({ key, context: attachmentContext(attachmentId), index, sealedBytes: fileBytes, read });
  }

  /** Takes an object away; a missing one is as good as removed. */
  remove(attachmentId: string): Promise<void> {
    return this.#folder.remove(attachmentId);
  }

  /** Ids of all objects, some at a time. */
  list(): AsyncGenerator<readonly string[]> {
    return this.#folder.list();
  }

  async #open({ attachmentId, fileBytes }: WrittenAttachment): Promise<OpenObject> {
    const object = await this.#folder.open(attachmentId);
    if (object?.sizeBytes === fileBytes) return object;
    await object?.[Symbol.asyncDispose]();
    throw new RecordsError('attachment-truncated', 'an attachment is missing or has another size than its record says');
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

async function* piecesOf(object: OpenObject): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < object.sizeBytes; ) {
    const piece = await object.read(at, at + READ_BYTES);
    if (piece.length === 0) return;
    at += piece.length;
    yield piece;
  }
}
