import { ServerError } from '../server-error.ts';

/** Keys remembered at once; whoever sends more different ones only pushes out the oldest. */
const KEYS_MAX = 10_000;

interface Window {
  readonly startMs: number;
  count: number;
}

/** Counts attempts per key in windows of fixed length: log-ins per account, unauthenticated calls per address. */
export class AttemptLimit {
  readonly #windows = new Map<string, Window>();
  readonly #attemptsMax: number;
  readonly #windowMs: number;
  readonly #nowMs: () => number;

  constructor({
    attemptsMax,
    windowMs,
    nowMs,
  }: { readonly attemptsMax: number; readonly windowMs: number; readonly nowMs: () => number }) {
    this.#attemptsMax = attemptsMax;
    this.#windowMs = windowMs;
    this.#nowMs = nowMs;
  }

  /** @throws ServerError `too-many-requests` from the attempt after the last allowed one on. */
  count(key: string): void {
    const now = this.#nowMs();
    const known = this.#windows.get(key);
    if (known !== undefined && now - known.startMs < this.#windowMs) {
      known.count += 1;
      if (known.count > this.#attemptsMax)
        throw new ServerError('too-many-requests', 'Too many attempts: wait a minute.');
      return;
    }
    this.#windows.delete(key);
    if (this.#windows.size >= KEYS_MAX) this.#windows.delete(this.#windows.keys().next().value!);
    this.#windows.set(key, { startMs: now, count: 1 });
  }

  /** Forgets the attempts of a key that proved itself. */
  clear(key: string): void {
    this.#windows.delete(key);
  }
}
