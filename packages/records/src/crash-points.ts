/** Moments of a write at which a test may stop it; production passes none. */
export type CrashPoint =
  | 'write:before-pack'
  | 'write:after-pack'
  | 'write:after-intent'
  | 'write:after-ledger'
  | 'write:after-finish'
  | 'erase:after-ledger'
  | 'erase:after-pack'
  | 'erase:after-rows';

/** Called at each point; throwing there leaves everything as a crash would. */
export type CrashHook = (point: CrashPoint) => void;

/** The points in the order of a write, for tests that visit all of them. */
export const CRASH_POINTS: readonly CrashPoint[] = [
  'write:before-pack',
  'write:after-pack',
  'write:after-intent',
  'write:after-ledger',
  'write:after-finish',
  'erase:after-ledger',
  'erase:after-pack',
  'erase:after-rows',
];
