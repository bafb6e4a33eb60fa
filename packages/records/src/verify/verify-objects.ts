import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256, toBase64url } from '@salus/crypto';
import type { Report } from './finding.ts';
import type { RecordRow, StoredBatch } from './verify-batches.ts';

/** Bytes that are read at once. */
const READ_BYTES = 1024 * 1024;

/** Checks the files of batches, and remembers which were named. */
export class ObjectFiles {
  readonly #directory: string;
  readonly #report: Report;
  readonly #named = new Set<string>();

  constructor(directory: string, report: Report) {
    this.#directory = directory;
    this.#report = report;
  }

  /** Every byte of the batch's pack and of its attachments. */
  async check({ batch, records, attachments }: StoredBatch): Promise<void> {
    if (batch.packBytes > 0) await this.#checkPack(batch.batchId, batch.packBytes, records);
    for (const { attachmentId, fileBytes, fileHash } of attachments) {
      if (fileBytes === null || fileHash === null) continue;
      await this.#checkAttachment(attachmentId, fileBytes, fileHash);
    }
  }

  /** Counts files that no checked batch named; those of exports, which expire, belong to none. */
  async countOrphans(): Promise<void> {
    const found = await readdir(this.#directory, { recursive: true, withFileTypes: true }).catch(emptyWhenMissing);
    const exports = join(this.#directory, 'exports');
    for (const entry of found) {
      if (entry.parentPath.startsWith(exports)) continue;
      if (entry.isFile() && !this.#named.has(join(entry.parentPath, entry.name))) this.#report.notes.orphanFiles += 1;
    }
  }

  async #checkPack(batchId: string, packBytes: number, records: readonly RecordRow[]): Promise<void> {
    const path = this.#name('packs', batchId, 'pack');
    const place = `packs/${batchId}`;
    const file = await open(path, 'r').catch(undefinedWhenMissing);
    if (file === undefined) {
      this.#report.find('object-missing', place);
      return;
    }
    try {
      const { size } = await file.stat();
      if (size !== packBytes) this.#report.find('object-changed', `${place} (${size} bytes instead of ${packBytes})`);
      let end = 0;
      for (const row of [...records].sort((a, b) => a.packOffset - b.packOffset)) {
        const at = `${place} at ${row.packOffset}`;
        // Objects lie one after the other: a gap or an overlap would hold bytes that nobody committed.
        if (row.packOffset !== end) this.#report.find('record-changed', at);
        end = row.packOffset + row.packLength;
        const length = Math.max(0, Math.min(row.packLength, size - row.packOffset));
        const bytes = new Uint8Array(length);
        await file.read(bytes, 0, length, row.packOffset);
        this.#checkObject(row, bytes, at);
      }
      if (end !== packBytes) this.#report.find('record-changed', place);
    } finally {
      await file.close();
    }
  }

  #checkObject(row: RecordRow, bytes: Uint8Array, place: string): void {
    this.#report.seen.objects += 1;
    if (row.status === 'erased') {
      if (bytes.some((byte) => byte !== 0)) this.#report.find('erased-remains', place);
    } else if (toBase64url(sha256(bytes)) !== row.ciphertextHash) {
      this.#report.find('object-changed', place);
    }
  }

  async #checkAttachment(attachmentId: string, fileBytes: number, fileHash: string): Promise<void> {
    const path = this.#name('attachments', attachmentId, 'attachment');
    const place = `attachments/${attachmentId}`;
    this.#report.seen.attachments += 1;
    const hash = createHash('sha256');
    let size = 0;
    try {
      for await (const piece of createReadStream(path, { highWaterMark: READ_BYTES })) {
        hash.update(piece as Uint8Array);
        size += (piece as Uint8Array).length;
      }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      this.#report.find('object-missing', place);
      return;
    }
    if (size !== fileBytes || hash.digest('base64url') !== fileHash) this.#report.find('object-changed', place);
  }

  #name(folder: 'packs' | 'attachments', id: string, ending: string): string {
    const path = join(this.#directory, folder, id.slice(0, 2), `${id}.${ending}`);
    this.#named.add(path);
    return path;
  }
}

function undefinedWhenMissing(cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== 'ENOENT') throw cause;
}

function emptyWhenMissing(cause: NodeJS.ErrnoException): [] {
  if (cause.code !== 'ENOENT') throw cause;
  return [];
}
