import { open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDurableDirectory, syncDirectory } from '../packs.ts';
import type { ObjectFolder, OpenObject } from './object-folder.ts';
import { demandId } from './object-id.ts';

const ZEROS_BYTES = 1024 * 1024;

/** Files `<directory>/<first two characters>/<id>.<ending>`, synced with their names. */
export class FileFolder implements ObjectFolder {
  readonly #directory: string;
  readonly #ending: string;
  readonly #name: RegExp;
  readonly #durableDirectories = new Set<string>();

  constructor(directory: string, ending: string) {
    this.#directory = directory;
    this.#ending = ending;
    this.#name = new RegExp(`^([\\w-]{22})\\.${ending}$`);
  }

  async write(id: string, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    const path = this.#pathOf(id);
    await this.#ensureDirectory(dirname(path));
    const file = await open(path, 'wx', 0o600);
    try {
      let at = 0;
      for await (const piece of pieces) {
        await file.write(piece, 0, piece.length, at);
        at += piece.length;
      }
      await file.datasync();
      await file.close();
      await syncDirectory(dirname(path));
    } catch (error) {
      await file.close();
      await this.remove(id);
      throw error;
    }
  }

  async open(id: string): Promise<OpenObject | undefined> {
    const path = this.#pathOf(id);
    const found = await stat(path).catch(missingAsUndefined);
    if (found === undefined) return undefined;
    const file = await open(path, 'r');
    return {
      sizeBytes: found.size,
      read: async (start, end) => {
        const { bytesRead, buffer } = await file.read(new Uint8Array(end - start), 0, end - start, start);
        return buffer.subarray(0, bytesRead);
      },
      [Symbol.asyncDispose]: () => file.close(),
    };
  }

  /** Overwrites and removes. */
  async remove(id: string): Promise<void> {
    const path = this.#pathOf(id);
    try {
      const file = await open(path, 'r+');
      try {
        const { size } = await file.stat();
        const zeros = new Uint8Array(ZEROS_BYTES);
        for (let at = 0; at < size; at += ZEROS_BYTES) await file.write(zeros, 0, Math.min(ZEROS_BYTES, size - at), at);
        await file.datasync();
      } finally {
        await file.close();
      }
      await unlink(path);
      await syncDirectory(dirname(path));
    } catch (cause) {
      missingAsUndefined(cause as NodeJS.ErrnoException);
    }
  }

  async *list(): AsyncGenerator<readonly string[]> {
    for (const shard of (await readdir(this.#directory).catch(missingAsUndefined)) ?? []) {
      const names = (await readdir(join(this.#directory, shard)).catch(missingAsUndefined)) ?? [];
      yield names.sort().flatMap((name) => this.#name.exec(name)?.[1] ?? []);
    }
  }

  #pathOf(id: string): string {
    demandId(id);
    return join(this.#directory, id.slice(0, 2), `${id}.${this.#ending}`);
  }

  async #ensureDirectory(directory: string): Promise<void> {
    if (this.#durableDirectories.has(directory)) return;
    await makeDurableDirectory(directory);
    this.#durableDirectories.add(directory);
  }
}

function missingAsUndefined(cause: NodeJS.ErrnoException): undefined {
  if (cause.code !== 'ENOENT') throw cause;
}
