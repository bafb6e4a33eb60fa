import { SESSION_MS } from '@salus/contracts';
import { RecordsError } from '../records-error.ts';
import type { Clock } from '../vault-types.ts';

/** A session that ends this soon is replaced: what it reads would be cut off. */
const RENEW_MS = SESSION_MS / 15;

interface Opening<About, Opened> {
  readonly about: About;
  readonly opened: Promise<Opened>;
  readonly untilMs: number;
  /** Once it is open. */
  value: Opened | undefined;
}

interface Options<Opened> {
  readonly clock: Clock;
  /** That are open at once. */
  readonly max: number;
  /** Called with what was ended, also where it had ended before it was open. */
  drop?(opened: Opened): void;
}

/** Sessions that a node opens for patients' apps: one for all who ask for the same at once. What failed is not kept. */
export class Openings<About extends object, Opened> {
  readonly #options: Options<Opened>;
  readonly #byName = new Map<string, Opening<About, Opened>>();

  constructor(options: Options<Opened>) {
    this.#options = options;
  }

  /** What is open, or being opened. */
  find(about: About): Promise<Opened> | undefined {
    const known = this.#byName.get(JSON.stringify(about));
    return known === undefined || this.#isOver(known) ? undefined : known.opened;
  }

  /** Goes on with what is open, else begins; `overloaded` where too many are open, and what `begin` throws. */
  async open(about: About, begin: () => Promise<Opened>): Promise<Opened> {
    const known = this.find(about);
    if (known !== undefined) return known;
    this.#makeRoom();
    const { promise, resolve, reject } = Promise.withResolvers<Opened>();
    const untilMs = this.#options.clock() + SESSION_MS - RENEW_MS;
    const opening: Opening<About, Opened> = { about, opened: promise, untilMs, value: undefined };
    this.#byName.set(JSON.stringify(about), opening);
    this.#begin(opening, begin).then(resolve, reject);
    return promise;
  }

  end(ends: (about: About) => boolean): void {
    for (const [name, { about, value }] of this.#byName) {
      if (!ends(about)) continue;
      this.#byName.delete(name);
      if (value !== undefined) this.#options.drop?.(value);
    }
  }

  async #begin(opening: Opening<About, Opened>, begin: () => Promise<Opened>): Promise<Opened> {
    const name = JSON.stringify(opening.about);
    try {
      opening.value = await begin();
    } catch (error) {
      if (this.#byName.get(name) === opening) this.#byName.delete(name);
      throw error;
    }
    if (this.#byName.get(name) !== opening) this.#options.drop?.(opening.value);
    return opening.value;
  }

  #isOver({ untilMs }: Opening<About, Opened>): boolean {
    return this.#options.clock() >= untilMs;
  }

  #makeRoom(): void {
    const { max } = this.#options;
    if (this.#byName.size < max) return;
    for (const [name, opening] of this.#byName) if (this.#isOver(opening)) this.#byName.delete(name);
    if (this.#byName.size >= max) throw new RecordsError('overloaded', 'too many apps read at once');
  }
}
