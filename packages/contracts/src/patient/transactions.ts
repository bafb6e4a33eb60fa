import type { AnyTransaction } from '../transaction.ts';
import { keyChanges } from './keys.ts';
import { registrations } from './registrations.ts';

export const patientTransactions: readonly AnyTransaction[] = [...registrations, ...keyChanges];
