/** Raft elects another leader in about so long. */
const PATIENCE_MIN_MS = 2_500;
const PATIENCE_MAX_MS = 10_000;
/** Of an ordinary commit's time; a busy channel is slow without having lost anything. */
const PATIENCE_FACTOR = 4;
/** The weight of the newest commit in the average. */
const NEWEST = 0.2;

/** How long transactions take at present from the orderers to the own follower. */
export class Pace {
  #commitMs = 0;

  note(commitMs: number): void {
    this.#commitMs += NEWEST * (commitMs - this.#commitMs);
  }

  /**
   * A transaction that is in no block after so long is handed to the orderers again: a leader that dies loses what it has
   * acknowledged and not yet replicated. Handing over again what is only slow would make it slower.
   */
  get patienceMs(): number {
    return Math.min(PATIENCE_MAX_MS, Math.max(PATIENCE_MIN_MS, PATIENCE_FACTOR * this.#commitMs));
  }
}
