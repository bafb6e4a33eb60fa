import { setTimeout as sleep } from 'node:timers/promises';
import { LedgerError } from '@salus/ledger';
import type { BlockSource } from './block-source.ts';

/** How long what was verified is read on while the peer is lost, or gives what is no block of the channel. */
export const STALE_MAX_MS = 30_000;
/** A peer that does not tell its height is asked again after this time. */
const RETRY_MS = 1_000;

/**
 * Whether the follower knows of nothing newer than its replica. A stream that is open and idle is fresh; a lost one is again once a
 * peer has told its height and the replica has reached it; a block fault stands until a block is applied.
 */
export class Freshness {
  readonly #maxMs: number;
  #lostMs: number | undefined;
  #faultMs: number | undefined;
  /** The peer's height, told since the stream was lost. */
  #toldHeight: number | undefined;

  constructor(maxMs: number = STALE_MAX_MS) {
    this.#maxMs = maxMs;
  }

  /** The stream was lost, and no peer has shown since that nothing is missing. */
  get isLost(): boolean {
    return this.#lostMs !== undefined;
  }

  lost(): void {
    this.#lostMs ??= performance.now();
    this.#toldHeight = undefined;
  }

  fault(): void {
    this.#faultMs ??= performance.now();
  }

  /** A peer has told the number of its newest block, while the replica has `height`. */
  told(newest: number, height: number): void {
    this.#toldHeight = newest;
    this.#reached(height);
  }

  applied(height: number): void {
    this.#faultMs = undefined;
    this.#reached(height);
  }

  /** `unavailable` */
  require(): void {
    const nowMs = performance.now();
    for (const sinceMs of [this.#lostMs, this.#faultMs]) {
      if (sinceMs === undefined || nowMs - sinceMs <= this.#maxMs) continue;
      throw new LedgerError('unavailable', 'the replica may be old: no own peer gives blocks that can be verified');
    }
  }

  #reached(height: number): void {
    if (this.#toldHeight !== undefined && height >= this.#toldHeight) this.#lostMs = undefined;
  }
}

/** Tells the newest block's number once, unless the signal is aborted before. Rejects with what the source throws beside `unavailable`. */
export async function askUntilTold(
  source: Pick<BlockSource, 'newest'>,
  signal: AbortSignal,
  told: (newest: number) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const newest = await source.newest();
      if (!signal.aborted) told(newest);
      return;
    } catch (error) {
      if (!(error instanceof LedgerError && error.code === 'unavailable')) throw error;
    }
    // Nothing to tell: the stream has ended, and whoever begins the next one asks again.
    await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}
