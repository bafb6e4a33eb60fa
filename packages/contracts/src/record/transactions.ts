import type { AnyTransaction } from '../transaction.ts';
import { commit } from './commit.ts';
import { correct } from './correct.ts';
import { disputes } from './dispute.ts';
import { erase } from './erase.ts';
import { approveErasure, proposeErasure } from './erasure.ts';
import { move } from './move.ts';
import { tombstone } from './tombstone.ts';

export const recordTransactions: readonly AnyTransaction[] = [
  commit,
  correct,
  tombstone,
  move,
  erase,
  proposeErasure,
  approveErasure,
  ...disputes,
];
