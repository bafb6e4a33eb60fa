import { sha256Base64url } from '@salus/crypto';
import { PACK_BYTES_MAX, type Packs } from '../packs.ts';
import { RecordsError } from '../records-error.ts';
import type { StoredRecord } from '../vault-types.ts';
import { S3Folder } from './s3-folder.ts';
import type { S3Place } from './s3-place.ts';

/** One object a batch; what is read is a range of it. */
export class S3Packs implements Packs {
  readonly #folder: S3Folder;

  constructor(place: S3Place) {
    this.#folder = new S3Folder(place, 'pack');
  }

  async write(batchId: string, objects: readonly Uint8Array[]): Promise<void> {
    const total = objects.reduce((sum, object) => sum + object.length, 0);
    if (total > PACK_BYTES_MAX) throw new RecordsError('too-large', `a batch has at most ${PACK_BYTES_MAX} bytes`);
    await this.#folder.put(batchId, Buffer.concat(objects, total));
  }

  async prepare(): Promise<void> {}

  async isWhole(
    batchId: string,
    objects: readonly Pick<StoredRecord, 'packOffset' | 'packLength' | 'ciphertextHash'>[],
  ): Promise<boolean> {
    await using pack = await this.#folder.open(batchId);
    if (pack === undefined) return false;
    const bytes = await pack.read(0, pack.sizeBytes);
    return objects.every(({ packOffset, packLength, ciphertextHash }) => {
      const object = bytes.subarray(packOffset, packOffset + packLength);
      return object.length === packLength && sha256Base64url(object) === ciphertextHash;
    });
  }

  read(batchId: string, offset: number, length: number): Promise<Uint8Array> {
    return this.#folder.read(batchId, offset, offset + length);
  }

  /** S3 changes no range of an object: the pack is written anew, which replaces it at once. */
  async erase(batchId: string, ranges: readonly { readonly offset: number; readonly length: number }[]): Promise<void> {
    await using pack = await this.#folder.open(batchId);
    if (pack === undefined) return;
    const bytes = await pack.read(0, pack.sizeBytes);
    for (const { offset, length } of ranges) bytes.fill(0, offset, offset + length);
    await this.#folder.put(batchId, bytes);
  }

  remove(batchId: string): Promise<void> {
    return this.#folder.remove(batchId);
  }

  list(): AsyncGenerator<readonly string[]> {
    return this.#folder.list();
  }

  [Symbol.dispose](): void {}
}
