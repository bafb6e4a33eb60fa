import type { Json } from '@salus/contracts';
import { deepFreeze } from '../block.ts';
import type { StoredVersion } from './store.ts';

/** Estimated bytes that cached values may take: texts count twice, for the decoded value beside them. */
export const CACHE_BYTES_MAX = 48 * 1024 * 1024;
const ENTRY_OVERHEAD_BYTES = 200;

/** A version with its value, decoded once when it is first asked for, and frozen. */
export class CachedVersion {
  readonly position: number;
  readonly text: string | null;
  #value: Json | undefined;

  constructor(version: StoredVersion) {
    this.position = version.position;
    this.text = version.text;
  }

  /** undefined where the key was deleted. */
  get value(): Json | undefined {
    if (this.text === null) return undefined;
    this.#value ??= deepFreeze(JSON.parse(this.text) as Json);
    return this.#value;
  }
}

/** What the cache knows of a key: its version, or that it has none. */
export type CacheEntry = CachedVersion | 'absent';

/**
 * Recently used state in two generations: what was not asked for while the young one filled up is dropped with the old one.
 * A hit in the young generation costs one look-up, unlike a list that is reordered at each use.
 */
export class StateCache {
  readonly #bytesMax: number;
  #young = new Map<string, CacheEntry>();
  #old = new Map<string, CacheEntry>();
  #youngBytes = 0;

  constructor(bytesMax: number = CACHE_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get(key: string): CacheEntry | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, entry: CacheEntry): void {
    this.#young.set(key, entry);
    const textLength = entry === 'absent' ? 0 : (entry.text?.length ?? 0);
    this.#youngBytes += 2 * textLength + key.length + ENTRY_OVERHEAD_BYTES;
    if (2 * this.#youngBytes > this.#bytesMax) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
  }

  /** Takes over a new version of a key that is cached, as absent too; others stay on disk until they are read. */
  replace(key: string, version: StoredVersion): void {
    if (this.#young.has(key) || this.#old.has(key)) this.set(key, new CachedVersion(version));
  }
}
