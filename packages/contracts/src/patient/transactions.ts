import type { AnyTransaction } from '../transaction.ts';
import { guardians } from './guardian.ts';
import { keyChanges } from './keys.ts';
import { merges } from './merge.ts';
import { registrations } from './registrations.ts';

export const patientTransactions: readonly AnyTransaction[] = [
  ...registrations,
  ...keyChanges,
  ...merges,
  ...guardians,
];
