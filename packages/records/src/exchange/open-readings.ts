import { RecordsError } from '../records-error.ts';
import type { Clock } from '../vault-types.ts';
import type { Reading } from './reading.ts';

/** Sessions that one organisation's readers hold open at once. */
const READING_SESSIONS_MAX = 10_000;

/** The sessions that this organisation's readers have at others, with the keys that they were given. */
export class OpenReadings {
  readonly #clock: Clock;
  readonly #readings = new Map<string, Reading>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `overloaded` where too many are open. */
  add(reading: Reading): void {
    this.#makeRoom();
    this.#readings.set(reading.session, reading);
  }

  find(session: string): Reading | undefined {
    return this.#readings.get(session);
  }

  /** Absent throws `not-found`; over, `session-ended`. */
  read(session: string): Reading {
    const reading = this.#readings.get(session);
    if (reading === undefined) throw new RecordsError('not-found', 'no such session is open here');
    if (this.#clock() >= reading.untilMs) {
      this.#readings.delete(session);
      throw new RecordsError('session-ended', 'the session is over', { detail: 'session-over' });
    }
    return reading;
  }

  /**
   * Forgets the keys and lists of sessions under a grant that has ended. The sessions stay known, so that the next read
   * still asks the author's node, whose refusal the patient sees.
   */
  forgetGrant(pid: string, grant: string): void {
    for (const reading of this.#readings.values()) {
      const { token, ancestors } = reading.request;
      const used = token === null ? ancestors : [token, ...ancestors];
      if (!used.some(({ terms }) => terms.pid === pid && terms.grant === grant)) continue;
      reading.keys.clear();
      reading.chart = undefined;
    }
  }

  delete(session: string): void {
    this.#readings.delete(session);
  }

  #makeRoom(): void {
    if (this.#readings.size < READING_SESSIONS_MAX) return;
    const nowMs = this.#clock();
    for (const [id, { untilMs }] of this.#readings) if (untilMs <= nowMs) this.#readings.delete(id);
    if (this.#readings.size >= READING_SESSIONS_MAX) throw new RecordsError('overloaded', 'too many sessions are open');
  }
}
