/** One published number. */
export type BenchResult = {
  readonly name: string;
  /** What was reached, in the unit that the name says. */
  readonly value: number;
  /** The machine's own limit, measured in the same run, or the figure that the value is held against. */
  readonly limit: number;
  readonly ratio: number;
  readonly target: number;
  /** Whether the ratio has to reach the target or to stay within it. */
  readonly sense: 'at-least' | 'at-most';
  readonly details: Readonly<Record<string, number | string>>;
};
