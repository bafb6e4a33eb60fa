import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Entry, Json } from '@salus/contracts';
import { deepFreeze } from '../block.ts';

/** Keys whose newest version stays at hand. */
const CACHE_KEYS_MAX = 20_000;

type Version = { readonly position: number; readonly value: Json | undefined };

/** The world state as it was before any position, from the tables of state and history. */
export class Timeline {
  readonly #current: StatementSync;
  readonly #earlier: StatementSync;
  readonly #keys: StatementSync;
  #cache = new Map<string, Version | null>();

  constructor(database: DatabaseSync) {
    this.#current = database.prepare('SELECT position, value FROM state WHERE key = ?');
    this.#earlier = database.prepare(
      'SELECT position, value FROM history WHERE key = ? AND position < ? ORDER BY position DESC LIMIT 1',
    );
    this.#keys = database.prepare('SELECT key FROM state WHERE key >= ? AND key < ? ORDER BY key');
  }

  get(key: string, before: number): Json | undefined {
    let current = this.#cache.get(key);
    if (current === undefined) {
      current = versionOf(this.#current.get(key));
      if (this.#cache.size >= CACHE_KEYS_MAX) this.#cache = new Map();
      this.#cache.set(key, current);
    }
    if (current === null) return undefined;
    return current.position < before ? current.value : versionOf(this.#earlier.get(key, before))?.value;
  }

  range(start: string, end: string, limit: number, before: number): readonly Entry[] {
    const entries: Entry[] = [];
    for (const row of this.#keys.iterate(start, end)) {
      const [key] = row as unknown as [string];
      const value = this.get(key, before);
      if (value !== undefined) entries.push({ key, value });
      if (entries.length === limit) break;
    }
    return entries;
  }
}

function versionOf(row: unknown): Version | null {
  if (row === undefined) return null;
  const [position, text] = row as [number, string | null];
  return { position, value: text === null ? undefined : findJson(text) };
}

/** Damaged text is reported where the tables are compared with the blocks; here it is as good as no value. */
function findJson(text: string): Json | undefined {
  try {
    return deepFreeze(JSON.parse(text) as Json);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
