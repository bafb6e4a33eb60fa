import { type Attachments, contentBytesOf } from '../attachments.ts';
import { contentsOf, type ExportFile, type SealedLines } from './export-job.ts';
import { LineFile } from './line-file.ts';

/** A file is closed and the next of its type begun beyond this. */
const FILE_BYTES_MAX = 128 * 1024 * 1024;

type Open = { readonly lines: LineFile; readonly bytesBefore: number };

/**
 * The files of one export, one growing for each type. Objects never change: what is added after `settle` goes into objects
 * of their own, so that whoever kept what it returned can go on from there.
 */
export class GrowingFiles {
  readonly #attachments: Pick<Attachments, 'write' | 'remove'>;
  readonly #open = new Map<string, Open>();
  #written: readonly SealedLines[];
  /** Objects that nobody was told of yet. */
  #untold: string[] = [];

  /** Goes on with what is `written`. */
  constructor(attachments: Pick<Attachments, 'write' | 'remove'>, written: readonly SealedLines[]) {
    this.#attachments = attachments;
    this.#written = written;
  }

  async add(type: string, line: string): Promise<void> {
    const open = this.#open.get(type) ?? this.#begin(type);
    await open.lines.add(line);
    if (open.bytesBefore + open.lines.bytes <= FILE_BYTES_MAX) return;
    this.#open.delete(type);
    this.#append(await open.lines.end());
  }

  /** All lines so far, once they are durable. */
  async settle(): Promise<readonly SealedLines[]> {
    const open = [...this.#open.values()];
    this.#open.clear();
    const ended = await Promise.allSettled(open.map(({ lines }) => lines.end()));
    for (const end of ended) if (end.status === 'fulfilled') this.#append(end.value);
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
    this.#untold = [];
    return this.#written;
  }

  /** Removes what was added since `settle`. */
  async discard(): Promise<void> {
    // What cannot be ended has no name to be removed by: the next start finds that nobody knows it.
    const ended = await Promise.allSettled([...this.#open.values()].map(({ lines }) => lines.end()));
    this.#open.clear();
    for (const end of ended) if (end.status === 'fulfilled') this.#append(end.value);
    for (const id of this.#untold) await this.#attachments.remove(id);
  }

  #begin(type: string): Open {
    const last = this.#written.findLast((written) => written.type === type);
    const bytes = last === undefined ? 0 : bytesOf(last);
    const open = {
      lines: new LineFile(this.#attachments, type),
      bytesBefore: bytes > FILE_BYTES_MAX ? 0 : bytes,
    };
    this.#open.set(type, open);
    return open;
  }

  #append(lines: SealedLines): void {
    this.#untold.push(lines.content.attachmentId);
    const at = this.#written.findLastIndex(({ type }) => type === lines.type);
    const last = this.#written[at];
    if (last === undefined || bytesOf(last) > FILE_BYTES_MAX) {
      this.#written = [...this.#written, lines];
      return;
    }
    const more = [...(last.more ?? []), lines.content];
    this.#written = this.#written.with(at, { ...last, count: last.count + lines.count, more });
  }
}

/** As clients see them: numbered for each type. */
export function namedFiles(written: readonly SealedLines[]): readonly ExportFile[] {
  const numbers = new Map<string, number>();
  return written.map((lines) => {
    const number = (numbers.get(lines.type) ?? 0) + 1;
    numbers.set(lines.type, number);
    return { ...lines, name: `${lines.type}.${number}.ndjson` };
  });
}

function bytesOf(lines: SealedLines): number {
  return contentsOf(lines).reduce((sum, content) => sum + contentBytesOf(content), 0);
}
