/**
 * Locks by name inside this process. Names are taken in sorted order, so that two holders of several locks never wait
 * for each other.
 */
export class KeyedLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Resolves, once every name is free, with the function that frees them. */
  async acquire(names: Iterable<string>): Promise<() => void> {
    const releases: (() => void)[] = [];
    for (const name of [...new Set(names)].sort()) releases.push(await this.#acquireOne(name));
    return () => {
      for (const release of releases) release();
    };
  }

  async #acquireOne(name: string): Promise<() => void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const before = this.#tails.get(name);
    const tail = before === undefined ? promise : before.then(() => promise);
    this.#tails.set(name, tail);
    await before;
    return () => {
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
      resolve();
    };
  }
}
