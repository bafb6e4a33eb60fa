import type { SearchRequest } from '@salus/fhir';
import { type FoundNews, type NewsMark, UNSETTLED, type VaultCaller, watchedPatients } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import type { StoredSubscription } from './subscription-store.ts';

/** After a node elsewhere did not answer as it should; it doubles, up to an hour. */
const RETRY_MS = 60_000;
const RETRY_MS_MAX = 3_600_000;

/** Where there may be news: all the rest of a mark is as it was. */
interface Wanted {
  readonly mark: NewsMark;
  readonly at: ReadonlySet<string>;
}

interface Parts {
  readonly organisation: HostedOrganisation;
  readonly stored: Pick<StoredSubscription, 'id' | 'fromSeq'>;
  readonly search: SearchRequest;
  readonly nowMs: () => number;
}

/**
 * What one subscription hears of other organisations (ADR 0015): of the patients whom it names, what its requester may read there.
 * A look asks others' nodes, so it is made beside the feed of the own changes; what it found is queued with theirs.
 */
export class Elsewhere {
  readonly #parts: Parts;
  readonly #isWatching: boolean;
  /** What was answered; what differs from it may be news. */
  #known: NewsMark | undefined;
  /** Who did not answer is left alone: of each, until when and how long the next time. */
  #waiting: ReadonlyMap<string, { readonly untilMs: number; readonly delayMs: number }> = new Map();
  #found: FoundNews | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#isWatching = watchedPatients(parts.search).length > 0;
  }

  /** Is it known what is no news? */
  get isReady(): boolean {
    return !this.#isWatching || this.#known !== undefined;
  }

  /** What there may be news by; undefined where there is nothing to look for, or not now. */
  async wants(caller: VaultCaller): Promise<Wanted | undefined> {
    const { organisation, nowMs } = this.#parts;
    if (!this.#isWatching || this.#found !== undefined) return undefined;
    const mark = await organisation.exchange.foreign.news.mark(caller);
    const isDue = ([place, state]: readonly [string, string]): boolean =>
      (this.#known === undefined || state !== UNSETTLED) &&
      this.#known?.get(place) !== state &&
      nowMs() >= (this.#waiting.get(place)?.untilMs ?? 0);
    const due = [...mark].filter(isDue).map(([place]) => place);
    const isFirstOfNothing = this.#known === undefined && mark.size === 0;
    return due.length > 0 || isFirstOfNothing ? { mark, at: new Set(due) } : undefined;
  }

  /**
   * The first look of all tells nothing: it learns what there is. An app's sessions elsewhere are opened for that, and for news,
   * where it is; a node that was started anew has neither.
   */
  async look(caller: VaultCaller, { mark, at }: Wanted): Promise<void> {
    const { organisation, stored, search } = this.#parts;
    const { exchange, vault } = organisation;
    // Also where the look fails.
    this.#wait(mark, at);
    const seen = await vault.notifications.seen(stored.id);
    const open = seen === undefined || this.#known !== undefined;
    const found = await exchange.foreign.news.find(caller, search, { seen, at, open });
    const before = this.#known;
    const stateOf = (place: string, state: string): string | undefined =>
      at.has(place) && !found.unanswered.has(place) ? state : before?.get(place);
    const known = [...mark].map(([place, state]) => [place, stateOf(place, state)] as const);
    this.#known = new Map(known.flatMap(([place, state]) => (state === undefined ? [] : [[place, state]])));
    this.#waiting = new Map([...this.#waiting].filter(([place]) => !at.has(place) || found.unanswered.has(place)));
    this.#found = found;
  }

  #wait(mark: NewsMark, at: ReadonlySet<string>): void {
    const waiting = new Map([...this.#waiting].filter(([place]) => mark.has(place)));
    for (const place of at) {
      const delayMs = waiting.get(place)?.delayMs ?? RETRY_MS;
      waiting.set(place, {
        untilMs: this.#parts.nowMs() + delayMs,
        delayMs: Math.min(2 * delayMs, RETRY_MS_MAX),
      });
    }
    this.#waiting = waiting;
  }

  /** Queues what a look found: with what was looked at, both or neither. */
  async queue(): Promise<void> {
    const { organisation, stored, nowMs } = this.#parts;
    const { notifications } = organisation.vault;
    if (this.#found === undefined) return;
    const { matches, looked } = this.#found;
    const place = (await notifications.position(stored.id)) ?? { seq: stored.fromSeq, events: 0 };
    const added = matches.map(({ recordId, version, ...elsewhere }, at) => ({
      ...{ eventNumber: place.events + at + 1, atMs: nowMs(), recordId, version, elsewhere },
      kind: version === 1 ? ('create' as const) : ('update' as const),
    }));
    await notifications.advance(stored.id, { ...place, events: place.events + added.length }, added, looked);
    this.#found = undefined;
  }
}
