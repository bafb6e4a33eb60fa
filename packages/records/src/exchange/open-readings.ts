import { RecordsError } from '../records-error.ts';
import type { Clock } from '../vault-types.ts';
import type { Reading } from './reading.ts';

/** Sessions that one organisation's readers hold open at once. */
const READING_SESSIONS_MAX = 10_000;
/** Of them, those of patients' apps: what is left is for people, in emergencies too. */
export const APP_READINGS_MAX = READING_SESSIONS_MAX / 2;

/** A session that one person holds open at another organisation. */
export interface OpenReading {
  readonly session: string;
  readonly author: string;
  /** Of the patient, at the author's. */
  readonly pid: string;
  /** Of the same person here, as whoever opened the session said. */
  readonly ownPid: string | null;
}

/** The sessions that this organisation's readers have at others, with the keys that they were given. */
export class OpenReadings {
  readonly #clock: Clock;
  readonly #readings = new Map<string, Reading>();
  /** Sessions by reader: every search of a person asks for them. */
  readonly #byReader = new Map<string, Set<string>>();
  readonly #ofApps = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `overloaded` where too many are open. */
  add(reading: Reading): void {
    const { isApp = false, reader } = reading.request;
    this.#makeRoom(isApp);
    this.#readings.set(reading.session, reading);
    if (isApp) this.#ofApps.add(reading.session);
    const { id } = reader;
    const own = this.#byReader.get(id) ?? new Set<string>();
    this.#byReader.set(id, own.add(reading.session));
  }

  find(session: string): Reading | undefined {
    return this.#readings.get(session);
  }

  /** What a person holds open, in no order that says anything. */
  listOf(reader: string): readonly OpenReading[] {
    const nowMs = this.#clock();
    return [...(this.#byReader.get(reader) ?? [])].flatMap((session) => {
      const reading = this.#readings.get(session);
      if (reading === undefined || nowMs >= reading.untilMs) return [];
      const { author, ownPid = null } = reading.request;
      return [{ session, author, pid: reading.owner.slice('pid:'.length), ownPid }];
    });
  }

  /** Absent throws `not-found`; over, `session-ended`. */
  read(session: string): Reading {
    const reading = this.#readings.get(session);
    if (reading === undefined) throw new RecordsError('not-found', 'no such session is open here');
    if (this.#clock() >= reading.untilMs) {
      this.delete(session);
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
    const id = this.#readings.get(session)?.request.reader.id;
    this.#readings.delete(session);
    this.#ofApps.delete(session);
    if (id === undefined) return;
    const own = this.#byReader.get(id);
    own?.delete(session);
    if (own?.size === 0) this.#byReader.delete(id);
  }

  #makeRoom(isApp: boolean): void {
    const isFull = (): boolean =>
      this.#readings.size >= READING_SESSIONS_MAX || (isApp && this.#ofApps.size >= APP_READINGS_MAX);
    if (!isFull()) return;
    const nowMs = this.#clock();
    for (const [id, { untilMs }] of this.#readings) if (untilMs <= nowMs) this.delete(id);
    if (isFull()) throw new RecordsError('overloaded', 'too many sessions are open');
  }
}
