import type { Entry, Host, Storable, Write } from './context.ts';
import { ContractError } from './errors.ts';
import type { Json } from './json.ts';

/** Most entries that one range may give. */
export const RANGE_MAX = 1000;
/** Most keys that one call may write. */
export const WRITES_MAX = 10_000;
export const KEY_BYTES_MAX = 512;

/** Printable ASCII: byte order, UTF-16 order and every engine's collation agree. */
const KEY = /^[!-~]{1,512}$/;

/** The host's state with one call's writes over it. */
export interface Overlay {
  get(key: string): Promise<Json | undefined>;
  range(start: string, end: string, limit: number): Promise<readonly Entry[]>;
  put(key: string, value: Storable): void;
  delete(key: string): void;
  /** Sorted by key, each key once. */
  writes(): readonly Write[];
}

export function openOverlay(host: Host): Overlay {
  const written = new Map<string, Json | null>();
  const set = (key: string, value: Json | null): void => {
    // Keys are built from parsed parts: another key is a fault of the contract, not of the call.
    if (!KEY.test(key)) throw new Error('a state key is printable ASCII of at most 512 bytes');
    if (written.size >= WRITES_MAX && !written.has(key)) throw new ContractError('limit-exceeded', 'writes');
    written.set(key, value);
  };
  return {
    get: async (key) => {
      const own = written.get(key);
      return own === undefined ? host.get(key) : (own ?? undefined);
    },
    range: async (start, end, limit) => {
      if (!Number.isInteger(limit) || limit < 1 || limit > RANGE_MAX)
        throw new Error('a range has a limit of 1 to 1000');
      const own = [...written].filter(([key]) => key >= start && key < end);
      // Each own write may hide at most one entry of the host.
      const stored = await host.range(start, end, limit + own.length);
      const merged = new Map<string, Json | null>(stored.map((entry) => [entry.key, entry.value]));
      for (const [key, value] of own) merged.set(key, value);
      return sortedWrites(merged)
        .flatMap(([key, value]) => (value === null ? [] : [{ key, value }]))
        .slice(0, limit);
    },
    put: (key, value) => set(key, withoutUndefined(value)),
    delete: (key) => set(key, null),
    writes: () => sortedWrites(written),
  };
}

function sortedWrites(written: ReadonlyMap<string, Json | null>): readonly Write[] {
  return [...written].sort(([left], [right]) => (left < right ? -1 : 1));
}

function withoutUndefined(value: Storable): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value as Json;
  const entries = Object.entries(value);
  if (entries.every(([, member]) => member !== undefined)) return value as Json;
  return Object.fromEntries(entries.filter((entry): entry is [string, Json] => entry[1] !== undefined));
}
