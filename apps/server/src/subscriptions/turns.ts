type Task = () => Promise<void>;
type Group = { readonly running: Set<string>; readonly waiting: Map<string, Task> };

/**
 * Runs the tasks of many groups side by side. Of one group so many at once, the others in the order in which they came; of
 * one key one, and one that waits. What takes long holds up nobody but its own group.
 */
export class Turns {
  readonly #atOnce: number;
  readonly #groups = new Map<string, Group>();
  readonly #running = new Set<Promise<void>>();

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** A task of the same key that still waits is replaced and keeps its place. Tasks deal with their own errors. */
  take({ group: name, key }: { readonly group: string; readonly key: string }, task: Task): void {
    const group = this.#groups.get(name) ?? { running: new Set(), waiting: new Map() };
    this.#groups.set(name, group);
    group.waiting.set(key, task);
    this.#start(name, group);
  }

  /** Forgets what waits and resolves when nothing runs any more. */
  async end(): Promise<void> {
    for (const { waiting } of this.#groups.values()) waiting.clear();
    await Promise.all(this.#running);
  }

  #start(name: string, group: Group): void {
    const { running, waiting } = group;
    for (const [key, task] of waiting) {
      if (running.size >= this.#atOnce) return;
      if (running.has(key)) continue;
      waiting.delete(key);
      running.add(key);
      const run: Promise<void> = task().finally(() => {
        running.delete(key);
        this.#running.delete(run);
        this.#start(name, group);
        if (running.size + waiting.size === 0) this.#groups.delete(name);
      });
      this.#running.add(run);
    }
  }
}
