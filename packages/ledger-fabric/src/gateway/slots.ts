/** At most so many at the same time; the others wait in the order in which they came. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  readonly #onFree: () => void;
  #free: number;

  /** `onFree` is told whenever nobody waits for what became free. */
  constructor(count: number, onFree: () => void) {
    this.#free = count;
    this.#onFree = onFree;
  }

  get free(): number {
    return this.#free;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  #give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#free += 1;
      this.#onFree();
    } else next();
  }
}
