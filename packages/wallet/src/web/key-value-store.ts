/**
 * Where a browser keeps what outlives a page: IndexedDB, behind the few operations that are needed. Values are structured
 * clones, so that a CryptoKey that cannot be exported may be kept without anybody reading it.
 */
export interface KeyValueStore {
  get(name: string): Promise<unknown>;
  put(name: string, value: unknown): Promise<void>;
  remove(name: string): Promise<void>;
  clear(): Promise<void>;
  /** Runs work that reads and then writes, while no other tab does. Work is never nested. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

/** A WebCrypto key; named structurally, because only browsers declare it globally. */
export type WebKey = Parameters<typeof crypto.subtle.sign>[1];
