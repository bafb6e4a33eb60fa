/** A small deterministic generator (mulberry32) for demonstration data only: the same seed tells the same stories. */
export interface Seeded {
  /** An integer in [from, to]. */
  integer(from: number, to: number): number;
  pick<T>(items: readonly T[]): T;
  uuid(): string;
}

export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const integer = (from: number, to: number): number => from + (next() % (to - from + 1));
  const hex = (length: number): string => Array.from({ length }, () => integer(0, 15).toString(16)).join('');
  return {
    integer,
    pick: (items) => items[integer(0, items.length - 1)]!,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-${(8 + integer(0, 3)).toString(16)}${hex(3)}-${hex(12)}`,
  };
}
