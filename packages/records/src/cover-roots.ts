import type { Block } from '@salus/ledger';
import { CoverRule } from './cover-rule.ts';
import type { LedgerView } from './ledger-view.ts';
import type { RootPublisher } from './root-publisher.ts';
import type { Clock } from './vault-types.ts';

/**
 * From the agreed time of what is to be answered to the answer, so that all answer at one time, whoever has the block first: time
 * enough for a reader's node to log what it has just been given.
 */
const COVER_DELAY_MS = 400;
/** While somebody has a session, and once after it, every member roots at each full minute: what came after its answer. */
const COVER_BEAT_MS = 60_000;

interface CoverRootsParts {
  readonly organisation: string;
  readonly ledger: Pick<LedgerView, 'get'>;
  readonly roots: Pick<RootPublisher, 'cover'>;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Brings this organisation's logs to the ledger together with everybody else's and by the same number of entries, so that no time
 * and no size tells whose people have read (ADR 0002).
 */
export class CoverRoots implements Disposable {
  readonly #parts: CoverRootsParts;
  readonly #rule: CoverRule;
  #answer: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(parts: CoverRootsParts) {
    this.#parts = parts;
    this.#rule = new CoverRule(parts.organisation, parts.ledger);
    this.#awaitBeat();
  }

  /** Takes the next block of the ledger. What is to be answered while an answer is due shares it. */
  async note(block: Block): Promise<void> {
    const atMs = await this.#rule.note(block);
    if (atMs === undefined || this.#answer !== undefined || this.#isClosed) return;
    const delayMs = atMs + COVER_DELAY_MS - this.#parts.clock();
    this.#answer = setTimeout(
      () => {
        this.#answer = undefined;
        this.#cover();
      },
      Math.min(COVER_DELAY_MS, Math.max(0, delayMs)),
    ).unref();
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#answer);
    clearTimeout(this.#beat);
  }

  #awaitBeat(): void {
    const { clock } = this.#parts;
    const untilNextMs = COVER_BEAT_MS - (clock() % COVER_BEAT_MS);
    this.#beat = setTimeout(() => {
      if (this.#rule.isOpen(clock(), COVER_BEAT_MS)) this.#cover();
      this.#awaitBeat();
    }, untilNextMs).unref();
  }

  #cover(): void {
    const { roots, onFailure } = this.#parts;
    roots.cover().catch(onFailure);
  }
}
