import { randomBytes } from 'node:crypto';

export const CHALLENGE_MS = 60_000;
export const CHALLENGES_MAX = 10_000;

interface Challenge {
  readonly statement: string;
  readonly endsMs: number;
}

/** Challenges of patients who log in: each serves once, for one device, within a minute. */
export class Challenges {
  readonly #open = new Map<string, Challenge>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** @returns 32 random bytes for whoever is named by `parts`; the oldest of too many gives way. */
  draw(...parts: readonly string[]): { readonly challenge: string; readonly expiresMs: number } {
    if (this.#open.size >= CHALLENGES_MAX) this.#open.delete(this.#open.keys().next().value!);
    const challenge = randomBytes(32).toString('base64url');
    const expiresMs = this.#nowMs() + CHALLENGE_MS;
    this.#open.set(challenge, { statement: JSON.stringify(parts), endsMs: expiresMs });
    return { challenge, expiresMs };
  }

  /** Whether the challenge was drawn for these parts and neither used nor over; it is spent in any case. */
  spend(challenge: string, ...parts: readonly string[]): boolean {
    const known = this.#open.get(challenge);
    this.#open.delete(challenge);
    return known !== undefined && this.#nowMs() < known.endsMs && known.statement === JSON.stringify(parts);
  }
}
