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
  if (newest.lost !== undefined) return newest.lost;
  const { number: to, hash } = newest.checkpoint;
  const matches = ({ checkpoint }: CheckpointEntry): boolean => hashOf(checkpoint.number) === checkpoint.hash;
  if (matches(newest)) return undefined;
  const common = entries.findLastIndex(matches);
  const missed = entries.slice(common + 1);
  // A prefix of the lost ledger ends at its head; one that went on differently parts somewhere after the last common entry.
  const forked = missed.some(({ checkpoint }) => checkpoint.number <= headNumber);
  const last = forked ? (entries[common]?.checkpoint.number ?? 0) : headNumber;
  return { from: Math.min(last + 1, to), to, hash };
}
