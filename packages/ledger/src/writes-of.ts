import type { Write } from '@salus/contracts';
import type { TransactionOutcome } from './ledger.ts';

/** What a call wrote. Of a distrusted one only the keys are known: whoever follows them takes what stands there as gone. */
export function writesOf(outcome: TransactionOutcome): readonly Write[] {
  switch (outcome.kind) {
    case 'committed':
      return outcome.writes;
    case 'distrusted':
      return outcome.keys.map((key) => [key, null]);
    case 'refused':
      return [];
  }
}
