import {
  type Checkpoint,
  type CheckpointSigner,
  LedgerError,
  type LostRange,
  signCheckpoint,
  signedByAll,
} from '@salus/ledger';
import { type CheckpointEntry, CheckpointFile, findLostRange } from '@salus/ledger/store';

type Point = { readonly network: string; readonly number: number; readonly hash: string };

/**
 * The file outside the data directory that remembers how far the replica was acknowledged. A replica that was restored from an
 * older copy, or lost, follows its peer up again: until it reaches the block that the file vouches for, or where the peer has
 * another one, `lost` tells what is missing and nothing may be released.
 */
export class Checkpoints implements Disposable {
  readonly #file: CheckpointFile;
  readonly #signers: () => readonly CheckpointSigner[];
  #lost: LostRange | undefined;
  #newest: Checkpoint;

  private constructor(
    file: CheckpointFile,
    signers: () => readonly CheckpointSigner[],
    known: { readonly lost: LostRange | undefined; readonly newest: Checkpoint },
  ) {
    this.#file = file;
    this.#signers = signers;
    this.#lost = known.lost;
    this.#newest = known.newest;
  }

  /** `hashOf` gives the hash of a block of the replica; `isNamed` whether a rollback named a lost range. `bad-checkpoint-file`. */
  static async open(
    path: string,
    head: Point,
    given: {
      readonly signers: () => readonly CheckpointSigner[];
      readonly hashOf: (number: number) => string | undefined;
      readonly isNamed: (lost: LostRange) => boolean;
    },
  ): Promise<Checkpoints> {
    const { entries, file } = CheckpointFile.open(path);
    try {
      if (entries.some(({ checkpoint }) => checkpoint.network !== head.network)) {
        throw new LedgerError('bad-checkpoint-file', 'the checkpoint file belongs to another network');
      }
      const found = findLostRange(entries, head.number, given.hashOf);
      const lost = found === undefined || given.isNamed(found) ? undefined : found;
      const newest = await signCheckpoint(head, given.signers());
      const isKnown = lost !== undefined || isLast(entries, head);
      if (!isKnown) file.append({ checkpoint: newest });
      return new Checkpoints(file, given.signers, { lost, newest });
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }

  get lost(): LostRange | undefined {
    return this.#lost;
  }

  get newest(): Checkpoint {
    return this.#newest;
  }

  /** The newest one, by whoever signs now. */
  async signed(): Promise<Checkpoint> {
    const newest = this.#newest;
    const signed = await signedByAll(newest, this.#signers());
    // A block may have come meanwhile.
    if (this.#newest === newest) this.#newest = signed;
    return signed;
  }

  /** After a block is durable. Durable when it resolves. `checkpoint-failed`. */
  async append(head: Point, rollbacks: readonly LostRange[]): Promise<void> {
    const checkpoint = await signCheckpoint(head, this.#signers());
    const lost = this.#remaining(head, rollbacks);
    this.#lost = lost;
    this.#newest = checkpoint;
    // What the file vouches for already is more than this block, and must not be pushed out by those on the way to it.
    if (lost !== undefined && head.number < lost.to) return;
    try {
      this.#file.append(lost === undefined ? { checkpoint } : { checkpoint, lost });
    } catch (cause) {
      throw new LedgerError('checkpoint-failed', 'the block is stored, but its checkpoint is not', { cause });
    }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #remaining({ number, hash }: Point, rollbacks: readonly LostRange[]): LostRange | undefined {
    const lost = this.#lost;
    if (lost === undefined || rollbacks.some((range) => isSame(range, lost))) return undefined;
    return number === lost.to && hash === lost.hash ? undefined : lost;
  }
}

export function isSame(left: LostRange, right: LostRange): boolean {
  return left.from === right.from && left.to === right.to && left.hash === right.hash;
}

function isLast(entries: readonly CheckpointEntry[], { hash }: Point): boolean {
  return entries.at(-1)?.checkpoint.hash === hash;
}
