import type { Entry, Json } from '@salus/contracts';
import { deepFreeze } from '../block.ts';
import { CachedVersion, StateCache } from './state-cache.ts';
import type { BlockChanges, LedgerStore } from './store.ts';

/** Keys of committed calls: each is read as absent once, before it is committed; those read later are open sessions. */
const CALL_PREFIX = 'call/';

type StateSource = Pick<LedgerStore, 'version' | 'range'>;

/** Committed state: the store behind a cache. */
export class WorldState {
  readonly #store: StateSource;
  readonly #cache = new StateCache();

  constructor(store: StateSource) {
    this.#store = store;
  }

  /** The newest committed version, which may be a deletion. */
  version(key: string): CachedVersion | undefined {
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached === 'absent' ? undefined : cached;
    const stored = this.#store.version(key);
    const version = stored === undefined ? undefined : new CachedVersion(stored);
    // What is absent once would only push out what is read again and again.
    if (version !== undefined || !key.startsWith(CALL_PREFIX)) this.#cache.set(key, version ?? 'absent');
    return version;
  }

  get(key: string): Json | undefined {
    return this.version(key)?.value;
  }

  range(start: string, end: string, limit: number): readonly Entry[] {
    return this.#store.range(start, end, limit).map(({ key, text }) => ({ key, value: deepFreeze(JSON.parse(text)) }));
  }

  /** Takes over what a block that is durable now has changed. */
  apply(changes: BlockChanges): void {
    for (const { key, position, text } of changes.current) this.#cache.replace(key, { position, text });
  }
}
