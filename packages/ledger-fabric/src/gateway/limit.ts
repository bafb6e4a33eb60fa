import { LedgerError } from '@salus/ledger';

/** A time limit below a wider signal: its own signal aborts with the reason of whichever is first. */
export class Limit implements Disposable {
  readonly #controller = new AbortController();
  readonly #stop: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #onStop = (): void => this.#controller.abort(this.#stop.reason);

  /** `reason` is asked when the time is up. */
  constructor(stop: AbortSignal, limitMs: number, reason: () => string) {
    this.#stop = stop;
    this.#timer = setTimeout(
      () => this.#controller.abort(new LedgerError('unavailable', reason())),
      Math.max(0, limitMs),
    );
    if (stop.aborted) this.#onStop();
    else stop.addEventListener('abort', this.#onStop, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends whoever waits under this limit. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#stop.removeEventListener('abort', this.#onStop);
    this.#controller.abort(new LedgerError('stopped', 'what was waited for is over'));
  }
}
