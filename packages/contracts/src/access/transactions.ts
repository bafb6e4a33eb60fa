import type { AnyTransaction } from '../transaction.ts';
import { checkpoint, rollback } from './checkpoint.ts';
import { migrated } from './migrated.ts';
import { report } from './report.ts';
import { root } from './root.ts';

export const accessTransactions: readonly AnyTransaction[] = [root, report, checkpoint, rollback, migrated];
