import type { AnyTransaction } from '../transaction.ts';
import { checkpoint, rollback } from './checkpoint.ts';
import { migrated } from './migrated.ts';
import { root } from './root.ts';

export const accessTransactions: readonly AnyTransaction[] = [root, checkpoint, rollback, migrated];
