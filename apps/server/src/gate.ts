import { ServerError } from './server-error.ts';

/** Runs at most `running` tasks at once and lets `waiting` more wait: each costs memory and a core (Argon2, a large bundle). */
export class Gate {
  readonly #runningMax: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor({ running, waiting }: { readonly running: number; readonly waiting: number }) {
    this.#runningMax = running;
    this.#waitingMax = waiting;
  }

  /** @throws ServerError `overloaded` where too many wait already; nothing was done then. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#runningMax) await this.#turn();
    else this.#running += 1;
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) throw new ServerError('overloaded', 'The node is busy: try again.');
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
