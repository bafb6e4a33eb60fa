import { closeSync, constants, fdatasync, fsync, openSync, readSync, writev, writevSync } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { sha256Base64url } from '@salus/crypto';
import { RecordsError } from './records-error.ts';
import type { StoredRecord } from './vault-types.ts';

/** Bytes of one pack; a larger batch is refused before anything is written. */
export const PACK_BYTES_MAX = 512 * 1024 * 1024;
/** Packs kept open for reading. */
export const OPEN_PACKS_MAX = 256;

const PACK_NAME = /^([\w-]{22})\.pack$/;
const BATCH_ID = /^[\w-]{22}$/;
const ZEROS_BYTES = 64 * 1024;
/** So much goes into the system's memory at once: another thread's turn would cost more. Whatever waits for the disk has one. */
const WRITTEN_AT_ONCE_MAX = 1024 * 1024;

const syncData = promisify(fdatasync);
const syncAll = promisify(fsync);
const writeVector = promisify(writev);

/** Whether it comes at once or later, it is waited for. */
type Awaitable<T> = T | Promise<T>;

/**
 * The objects of committed batches: one pack per batch, the sealed objects one after the other. A pack is written once,
 * durably, and never changed but by erasure.
 */
export interface Packs extends Disposable {
  /** Resolves when the pack is durable. */
  write(batchId: string, objects: readonly Uint8Array[]): Promise<void>;
  /** Makes room for a pack that is to be written, so that its writer need not wait for it. */
  prepare(batchId: string): Promise<void>;
  /** Whether a pack holds these objects: what was written when the power failed may lack bytes or hold others. */
  isWhole(
    batchId: string,
    objects: readonly Pick<StoredRecord, 'packOffset' | 'packLength' | 'ciphertextHash'>[],
  ): Awaitable<boolean>;
  /** Exactly `length` bytes at `offset`; a missing or shorter pack throws `corrupt`. */
  read(batchId: string, offset: number, length: number): Awaitable<Uint8Array>;
  /** Overwrites ranges with zeros, durably: the one change that a pack may see. A missing pack is as good as erased. */
  erase(batchId: string, ranges: readonly { readonly offset: number; readonly length: number }[]): Promise<void>;
  /** Removes a pack that no batch names. */
  remove(batchId: string): Promise<void>;
  /** Ids of all packs, some at a time. */
  list(): AsyncGenerator<readonly string[]>;
}

/** Files `<directory>/<first two characters>/<batch id>.pack`, synced with their directories; read where they lie. */
export class FilePacks implements Packs {
  readonly #directory: string;
  readonly #open = new Map<string, number>();
  readonly #durableDirectories = new Set<string>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Resolves when file and directory entry are durable. An existing pack throws `corrupt`: objects never change. */
  async write(batchId: string, objects: readonly Uint8Array[]): Promise<void> {
    const total = objects.reduce((sum, object) => sum + object.length, 0);
    if (total > PACK_BYTES_MAX) throw new RecordsError('too-large', `a batch has at most ${PACK_BYTES_MAX} bytes`);
    const path = this.pathOf(batchId);
    await this.#ensureDirectory(dirname(path));
    const descriptor = createFile(path);
    try {
      const written =
        total > WRITTEN_AT_ONCE_MAX
          ? (await writeVector(descriptor, objects)).bytesWritten
          : writevSync(descriptor, objects);
      if (written !== total) throw new RecordsError('corrupt', 'a pack was written short');
      await Promise.all([syncData(descriptor), syncDirectory(dirname(path))]);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Makes the folder of a pack that is to be written, so that its writer need not wait for it. */
  async prepare(batchId: string): Promise<void> {
    await this.#ensureDirectory(dirname(this.pathOf(batchId)));
  }

  /** Whether a pack holds these objects: what was written when the power failed may lack bytes or hold others. */
  isWhole(
    batchId: string,
    objects: readonly Pick<StoredRecord, 'packOffset' | 'packLength' | 'ciphertextHash'>[],
  ): boolean {
    try {
      return objects.every(({ packOffset, packLength, ciphertextHash }) => {
        return sha256Base64url(this.read(batchId, packOffset, packLength)) === ciphertextHash;
      });
    } catch (error) {
      if (error instanceof RecordsError && error.code === 'corrupt') return false;
      throw error;
    } finally {
      this.#close(batchId);
    }
  }

  /** Exactly `length` bytes at `offset`; a missing or shorter file throws `corrupt`. */
  read(batchId: string, offset: number, length: number): Uint8Array {
    const bytes = Buffer.allocUnsafe(length);
    const read = readSync(this.#descriptor(batchId), bytes, 0, length, offset);
    if (read !== length) throw new RecordsError('corrupt', 'a pack is shorter than its rows say');
    return bytes;
  }

  /** Overwrites a range with zeros, durably: the one change that a pack may see. A missing pack is as good as erased. */
  async erase(batchId: string, ranges: readonly { readonly offset: number; readonly length: number }[]): Promise<void> {
    let file: FileHandle;
    try {
      file = await open(this.pathOf(batchId), 'r+');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw cause;
    }
    try {
      const zeros = new Uint8Array(ZEROS_BYTES);
      for (const { offset, length } of ranges) {
        for (let done = 0; done < length; done += ZEROS_BYTES) {
          await file.write(zeros, 0, Math.min(ZEROS_BYTES, length - done), offset + done);
        }
      }
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** Removes a pack that no batch names. */
  async remove(batchId: string): Promise<void> {
    this.#close(batchId);
    const path = this.pathOf(batchId);
    await unlink(path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOENT') throw cause;
    });
  }

  /** Ids of all packs on disk, directory by directory. */
  async *list(): AsyncGenerator<readonly string[]> {
    for (const shard of await listDirectory(this.#directory)) {
      const names = await listDirectory(join(this.#directory, shard));
      yield names.flatMap((name) => PACK_NAME.exec(name)?.[1] ?? []);
    }
  }

  /** Where a batch's pack lies; an id of another shape throws `bad-input`, so that no path can be made of it. */
  pathOf(batchId: string): string {
    if (!BATCH_ID.test(batchId)) throw new RecordsError('bad-input', 'a batch id has 22 characters of base64url');
    return join(this.#directory, batchId.slice(0, 2), `${batchId}.pack`);
  }

  [Symbol.dispose](): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }

  #descriptor(batchId: string): number {
    const known = this.#open.get(batchId);
    if (known !== undefined) {
      this.#open.delete(batchId);
      this.#open.set(batchId, known);
      return known;
    }
    let descriptor: number;
    try {
      descriptor = openSync(this.pathOf(batchId), constants.O_RDONLY);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
      throw new RecordsError('corrupt', 'a pack that rows name is missing', { cause });
    }
    if (this.#open.size >= OPEN_PACKS_MAX) {
      const [oldest] = this.#open.keys();
      if (oldest !== undefined) this.#close(oldest);
    }
    this.#open.set(batchId, descriptor);
    return descriptor;
  }

  #close(batchId: string): void {
    const descriptor = this.#open.get(batchId);
    if (descriptor === undefined) return;
    this.#open.delete(batchId);
    closeSync(descriptor);
  }

  async #ensureDirectory(directory: string): Promise<void> {
    if (this.#durableDirectories.has(directory)) return;
    await makeDurableDirectory(directory);
    this.#durableDirectories.add(directory);
  }
}

/** Creates a directory with its parents; when it resolves their entries are durable. */
export async function makeDurableDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let path = directory; path.length >= first.length; path = dirname(path)) await syncDirectory(dirname(path));
}

/** fsync of a directory: without it a new file's name can be lost in a crash (POSIX leaves it open). */
export async function syncDirectory(directory: string): Promise<void> {
  const descriptor = openSync(directory, constants.O_RDONLY);
  try {
    await syncAll(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Exclusively: objects never change. */
function createFile(path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    throw new RecordsError('corrupt', 'a pack of this name exists', { cause });
  }
}

async function listDirectory(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}
