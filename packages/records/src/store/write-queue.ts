import { setImmediate as nextTurn } from 'node:timers/promises';
import { RecordsError } from '../records-error.ts';
import type { WriteBody } from './database.ts';

/** Waiting writes beyond this are refused: memory stays bounded when the disk is slow. */
export const WRITE_QUEUE_MAX = 20_000;
/** Writes that share one commit. */
export const WRITE_GROUP_MAX = 512;

/** One write that waits for its commit. */
export interface WriteJob {
  /** Whether readers may see the rows before the disk has them. */
  readonly isEarly: boolean;
  readonly body: WriteBody<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Commits a group and returns how to answer each job: a body that threw undid only itself. Throws when nothing of the
 * group was committed; every job hears it then.
 */
export type CommitGroup = (group: readonly WriteJob[]) => Promise<readonly (() => void)[]>;

/** The writes of one store in their order: those that arrive together share a commit. */
export class WriteQueue {
  readonly #commitGroup: CommitGroup;
  readonly #waiting: WriteJob[] = [];
  #draining: Promise<void> | undefined;

  constructor(commitGroup: CommitGroup) {
    this.#commitGroup = commitGroup;
  }

  /** Resolves with the body's result once it is committed; `overloaded` beyond the bound. */
  add<T>(body: WriteBody<T>, { isEarly }: { readonly isEarly: boolean }): Promise<T> {
    if (this.#waiting.length >= WRITE_QUEUE_MAX) {
      return Promise.reject(new RecordsError('overloaded', `more than ${WRITE_QUEUE_MAX} writes are waiting`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({ isEarly, body, resolve: resolve as (value: unknown) => void, reject });
    this.#draining ??= this.#drain();
    return promise;
  }

  /** Resolves once nothing waits any more. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drain(): Promise<void> {
    // One turn of the event loop lets writers that arrive together share the first commit.
    await nextTurn();
    while (this.#waiting.length > 0) {
      await this.#settle(this.#waiting.splice(0, WRITE_GROUP_MAX));
      // Timers and sockets get their turn between commits.
      if (this.#waiting.length > 0) await nextTurn();
    }
    this.#draining = undefined;
  }

  async #settle(group: readonly WriteJob[]): Promise<void> {
    let answers: readonly (() => void)[];
    try {
      answers = await this.#commitGroup(group);
    } catch (error) {
      for (const job of group) job.reject(error);
      return;
    }
    for (const answer of answers) answer();
  }
}
