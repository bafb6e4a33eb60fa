import { hash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Json } from '@salus/contracts';
import { canonical } from '@salus/crypto';
import { type Checkpoint, findCheckpoint } from '../checkpoint.ts';
import type { LostRange } from '../ledger.ts';
import { LedgerError } from '../ledger-error.ts';
import { syncDirectory } from './store.ts';

/** At this size the file is written anew with its newest entries. */
export const CHECKPOINT_FILE_BYTES_MAX = 1024 * 1024;
/** Entries that survive a rotation. */
export const CHECKPOINTS_KEPT = 64;
/** A larger file was not written by this code. */
const READ_BYTES_MAX = 16 * CHECKPOINT_FILE_BYTES_MAX;
const CHECKSUM_CHARS = 22;

/** `lost`: blocks that an earlier entry vouches for and this ledger no longer has, as long as nobody named them. */
export type CheckpointEntry = { readonly checkpoint: Checkpoint; readonly lost?: LostRange };

/**
 * Entries of a checkpoint file, oldest first, without a torn last line: that one was being written when the power failed, so
 * nothing that it vouches for was acknowledged. Damage elsewhere throws `bad-checkpoint-file`. A missing file has none.
 */
export function readCheckpointFile(file: string): readonly CheckpointEntry[] {
  return readEntries(file).entries;
}

/** The file outside the data directory that remembers how far the ledger was acknowledged. One line an entry, append only. */
export class CheckpointFile implements Disposable {
  readonly #file: string;
  #descriptor: number;
  #sizeBytes: number;
  #recent: string[];

  private constructor(file: string, descriptor: number, sizeBytes: number, recent: string[]) {
    this.#file = file;
    this.#descriptor = descriptor;
    this.#sizeBytes = sizeBytes;
    this.#recent = recent;
  }

  /** Opens or creates the file, mode 0600, cuts off a torn last line and gives what it holds. */
  static open(file: string): { readonly entries: readonly CheckpointEntry[]; readonly file: CheckpointFile } {
    const directory = dirname(file);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { entries, lines, validBytes } = readEntries(file);
    const descriptor = openSync(file, 'a', 0o600);
    ftruncateSync(descriptor, validBytes);
    fsyncSync(descriptor);
    syncDirectory(directory);
    return { entries, file: new CheckpointFile(file, descriptor, validBytes, lines.slice(-CHECKPOINTS_KEPT)) };
  }

  /** Durable when it returns. */
  append(entry: CheckpointEntry): void {
    const line = lineOf(entry);
    this.#recent.push(line);
    if (this.#recent.length > CHECKPOINTS_KEPT) this.#recent.shift();
    if (this.#sizeBytes + line.length > CHECKPOINT_FILE_BYTES_MAX) {
      this.#rotate();
      return;
    }
    writeAll(this.#descriptor, line);
    fdatasyncSync(this.#descriptor);
    this.#sizeBytes += line.length;
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }

  /** The new file is complete and durable before it takes the old one's place. */
  #rotate(): void {
    const text = this.#recent.join('');
    const next = openSync(`${this.#file}.new`, 'w', 0o600);
    writeAll(next, text);
    fsyncSync(next);
    closeSync(next);
    renameSync(`${this.#file}.new`, this.#file);
    syncDirectory(dirname(this.#file));
    closeSync(this.#descriptor);
    this.#descriptor = openSync(this.#file, 'a', 0o600);
    this.#sizeBytes = text.length;
  }
}

/** Canonical JSON, a tab and the start of its hash, by which a torn line is told from a whole one. */
function lineOf(entry: CheckpointEntry): string {
  const text = canonical(entry as unknown as Json);
  return `${text}\t${checksum(text)}\n`;
}

function checksum(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, CHECKSUM_CHARS);
}

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

function readEntries(file: string): {
  readonly entries: readonly CheckpointEntry[];
  readonly lines: readonly string[];
  readonly validBytes: number;
} {
  if (!existsSync(file)) return { entries: [], lines: [], validBytes: 0 };
  if (statSync(file).size > READ_BYTES_MAX)
    throw new LedgerError('bad-checkpoint-file', 'the checkpoint file is too large');
  const parts = readFileSync(file, 'latin1').split('\n');
  const entries: CheckpointEntry[] = [];
  const lines: string[] = [];
  parts.forEach((part, number) => {
    const entry = findEntry(part);
    const isLast = number >= parts.length - 2;
    if (entry !== undefined && number < parts.length - 1) {
      entries.push(entry);
      lines.push(`${part}\n`);
    } else if (!isLast || (number === parts.length - 2 && parts[parts.length - 1] !== '')) {
      throw new LedgerError('bad-checkpoint-file', `line ${number + 1} of the checkpoint file is damaged`);
    }
  });
  return { entries, lines, validBytes: lines.reduce((sum, line) => sum + line.length, 0) };
}

function findEntry(line: string): CheckpointEntry | undefined {
  const [text = '', sum] = line.split('\t');
  if (sum === undefined || sum !== checksum(text)) return undefined;
  const entry = JSON.parse(text) as CheckpointEntry;
  return findCheckpoint(entry.checkpoint as unknown as Json) === undefined ? undefined : entry;
}
