export const HOUR_MS = 3_600_000;
/** For how long a name may be lent; the contract takes no more than twelve hours. */
export const LENT_HOURS = [1, 2, 4, 8, 12] as const;

/** What a lent transaction does, as the page has words for it; undefined for another, which is shown as it is. */
export function actOf(transaction: string): 'commit' | 'correct' | 'tombstone' | undefined {
  switch (transaction) {
    case 'record.commit':
      return 'commit';
    case 'record.correct':
      return 'correct';
    case 'record.tombstone':
      return 'tombstone';
    default:
      return undefined;
  }
}
