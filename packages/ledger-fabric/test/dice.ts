/** Choices that depend on a seed alone, so that a failing story can be told again. */
export type Dice = {
  /** 0 … n − 1. */
  below(n: number): number;
  chance(percent: number): boolean;
  pick<T>(from: readonly T[]): T;
};

/** A 32-bit linear congruential generator (Numerical Recipes), of which the high bits are used. */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  const below = (n: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  return { below, chance: (percent) => below(100) < percent, pick: (from) => from[below(from.length)]! };
}
