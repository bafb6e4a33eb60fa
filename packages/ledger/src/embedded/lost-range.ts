import type { LostRange } from '../ledger.ts';
import type { CheckpointEntry } from './checkpoint-file.ts';

/**
 * What the checkpoints vouch for and the ledger does not have: undefined when the newest entry names a block of this ledger,
 * which may have grown beyond it (the power failed between block and checkpoint; nothing of that was acknowledged).
 * `hashOf` gives the hash of a block of this ledger, undefined beyond its head.
 */
export function findLostRange(
  entries: readonly CheckpointEntry[],
  headNumber: number,
  hashOf: (number: number) => string | undefined,
): LostRange | undefined {
  const newest = entries.at(-1);
  if (newest === undefined) return undefined;
  const matches = ({ checkpoint }: CheckpointEntry): boolean => hashOf(checkpoint.number) === checkpoint.hash;
  if (matches(newest)) return newest.lost;
  const common = entries.findLastIndex(matches);
  const missed = entries.slice(common + 1).map(({ checkpoint }) => checkpoint.number);
  // A prefix of the lost ledger ends at its head; one that went on differently parts somewhere after the last common entry.
  const forked = missed.some((number) => number <= headNumber);
  const last = forked ? (entries[common]?.checkpoint.number ?? 0) : headNumber;
  const { number: to, hash } = newest.checkpoint;
  return joined({ from: Math.min(last + 1, ...missed), to, hash }, newest.lost);
}

/** One range over two losses, of which the first was not named yet: naming the first alone would hide the second. */
function joined(range: LostRange, unnamed: LostRange | undefined): LostRange {
  if (unnamed === undefined) return range;
  const { to, hash } = unnamed.to >= range.to ? unnamed : range;
  return { from: Math.min(range.from, unnamed.from), to, hash };
}
