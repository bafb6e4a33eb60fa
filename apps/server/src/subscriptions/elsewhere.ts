import type { SearchRequest } from '@salus/fhir';
import { type FoundNews, type VaultCaller, watchedPatients } from '@salus/records';
import type { HostedOrganisation } from '../organisation.ts';
import type { StoredSubscription } from './subscription-store.ts';

/** After a node elsewhere did not answer as it should. */
const RETRY_MS = 60_000;

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
  /** Of the last look; what differs from it may be news. */
  #mark: string | undefined;
  #found: FoundNews | undefined;
  #nextMs = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#isWatching = watchedPatients(parts.search).length > 0;
  }

  /** Is it known what is no news? */
  get isReady(): boolean {
    return !this.#isWatching || this.#mark !== undefined;
  }

  /** What there may be news by; undefined where there is nothing to look for, or not now. */
  async wants(caller: VaultCaller): Promise<string | undefined> {
    const { organisation, nowMs } = this.#parts;
    if (!this.#isWatching || this.#found !== undefined || nowMs() < this.#nextMs) return undefined;
    const isFirst = this.#mark === undefined;
    const mark = (await organisation.exchange.foreign.news.mark(caller)) ?? (isFirst ? '' : undefined);
    return mark === this.#mark ? undefined : mark;
  }

  /**
   * The first look of all tells nothing: it learns what there is, and only the whole of that counts. An app's sessions elsewhere
   * are opened for that, and for news; a node that was started anew has neither.
   */
  async look(caller: VaultCaller, mark: string): Promise<void> {
    const { organisation, stored, search, nowMs } = this.#parts;
    const { exchange, vault } = organisation;
    this.#nextMs = nowMs() + RETRY_MS;
    const seen = await vault.notifications.seen(stored.id);
    const open = seen === undefined || this.#mark !== undefined;
    const found = await exchange.foreign.news.find(caller, search, { seen, open });
    if (found.isWhole || seen !== undefined) this.#found = found;
    this.#mark = found.isWhole ? mark : (this.#mark ?? '');
    if (found.isWhole) this.#nextMs = 0;
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
