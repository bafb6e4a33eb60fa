import type { SignedDelegation } from '@salus/contracts';
import { RecordsError } from '@salus/records';

/** Delegations of one organisation's staff to apps that are kept at once. */
export const APP_DELEGATIONS_MAX = 10_000;

/** A person and the app that writes in their name. */
export interface Lending {
  readonly person: string;
  readonly client: string;
}

/**
 * Which apps may write in whose name: a delegation that the person's own key signed to the app's identity, for hours. Kept in
 * memory alone, as those of sessions are: a restart ends them, and the person signs anew.
 */
export class AppDelegations {
  readonly #nowMs: () => number;
  readonly #byLending = new Map<string, SignedDelegation>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** Replaces an earlier one; `overloaded` beyond `APP_DELEGATIONS_MAX`. */
  put(lending: Lending, delegation: SignedDelegation): void {
    const name = nameOf(lending);
    if (!this.#byLending.has(name)) this.#makeRoom();
    this.#byLending.set(name, delegation);
  }

  /** undefined where there is none, or it has ended. */
  find(lending: Lending): SignedDelegation | undefined {
    const found = this.#byLending.get(nameOf(lending));
    return found === undefined || this.#isOver(found) ? undefined : found;
  }

  /** That there is none is as good. */
  delete(lending: Lending): void {
    this.#byLending.delete(nameOf(lending));
  }

  #isOver({ payload }: SignedDelegation): boolean {
    return payload.notAfterMs <= this.#nowMs();
  }

  #makeRoom(): void {
    if (this.#byLending.size < APP_DELEGATIONS_MAX) return;
    for (const [name, known] of this.#byLending) if (this.#isOver(known)) this.#byLending.delete(name);
    if (this.#byLending.size >= APP_DELEGATIONS_MAX) {
      throw new RecordsError('overloaded', 'too many apps write in somebody’s name at once');
    }
  }
}

function nameOf({ person, client }: Lending): string {
  return `${person} ${client}`;
}
