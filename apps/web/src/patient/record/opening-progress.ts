/** How far the opening of records has come, over all organisations at once. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

const NOTHING: Progress = { done: 0, total: 0 };

/** Adds up what several openings report, for whoever shows it; a class because listeners come and go. */
export class OpeningProgress {
  #now: Progress = NOTHING;
  #running = 0;
  readonly #listeners = new Set<() => void>();

  /** An opening of `total` entries: `at` tells how many of them are open, `end` that it is over. */
  begin(total: number): { readonly at: (done: number) => void; readonly end: () => void } {
    let reported = 0;
    this.#running += 1;
    this.#set({ done: this.#now.done, total: this.#now.total + total });
    return {
      at: (done) => {
        this.#set({ done: this.#now.done + done - reported, total: this.#now.total });
        reported = done;
      },
      end: () => {
        this.#running -= 1;
        if (this.#running === 0) this.#set(NOTHING);
      },
    };
  }

  readonly read = (): Progress => this.#now;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  };

  #set(progress: Progress): void {
    this.#now = progress;
    for (const listener of this.#listeners) listener();
  }
}
