import { toBase64url } from '@salus/crypto';
import type { Attachments } from '../attachments.ts';
import type { SealedLines } from './export-job.ts';

/** Bytes that wait for the disk, for each open file. */
const WAITING_BYTES_MAX = 512 * 1024;
/** Lines are gathered to pieces of this size. */
const PIECE_BYTES = 64 * 1024;

/**
 * A sealed file that grows line by line: whoever adds waits while the disk is behind, so that memory stays flat however long
 * the file becomes.
 */
export class LineFile {
  readonly type: string;
  readonly #written: Promise<Pick<SealedLines, 'content'>>;
  readonly #ready: Buffer[] = [];
  #readyBytes = 0;
  #lines: string[] = [];
  #lineBytes = 0;
  #bytes = 0;
  #count = 0;
  #ended = false;
  #wakeReader = (): void => {};
  #wakeWriter = (): void => {};
  #failed: { readonly cause: unknown } | undefined;

  constructor(attachments: Pick<Attachments, 'write'>, type: string) {
    this.type = type;
    this.#written = attachments.write(this.#pieces()).then(({ key, ...name }) => ({
      content: { ...name, key: toBase64url(key) },
    }));
    // Told to whoever adds or ends; nobody else waits for it.
    this.#written.catch((cause: unknown) => {
      this.#failed = { cause };
      this.#wakeWriter();
    });
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a line. Throws what the disk threw. */
  async add(line: string): Promise<void> {
    this.#lines.push(line);
    this.#lineBytes += line.length;
    this.#count += 1;
    if (this.#lineBytes >= PIECE_BYTES) this.#flush();
    while (this.#readyBytes > WAITING_BYTES_MAX && this.#failed === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakeWriter = resolve;
      await promise;
    }
    if (this.#failed !== undefined) throw this.#failed.cause;
  }

  /** The file once it is durable. */
  async end(): Promise<SealedLines> {
    this.#flush();
    this.#ended = true;
    this.#wakeReader();
    return { type: this.type, count: this.#count, ...(await this.#written) };
  }

  #flush(): void {
    if (this.#lines.length === 0) return;
    const piece = Buffer.from(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
    this.#lineBytes = 0;
    this.#ready.push(piece);
    this.#readyBytes += piece.length;
    this.#bytes += piece.length;
    this.#wakeReader();
  }

  async *#pieces(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#ready.shift();
      if (piece !== undefined) {
        yield piece;
        this.#readyBytes -= piece.length;
        this.#wakeWriter();
        continue;
      }
      if (this.#ended) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wakeReader = resolve;
      await promise;
    }
  }
}

/** Lines of a stream of bytes, each without its line feed; one at a time is held. */
export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of source) {
    const bytes = rest.length === 0 ? Buffer.from(piece) : Buffer.concat([rest, piece]);
    let start = 0;
    for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, start)) {
      yield bytes.toString('utf8', start, at);
      start = at + 1;
    }
    rest = bytes.subarray(start);
  }
}
