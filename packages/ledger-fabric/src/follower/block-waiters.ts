/** Those who wait for the next block. */
export class BlockWaiters {
  readonly #wakes = new Set<() => void>();

  /** Resolves with the next `wake`, or when the signal is aborted. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wakes.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakes.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  wake(): void {
    for (const wake of [...this.#wakes]) wake();
  }
}
