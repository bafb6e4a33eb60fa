import { accessTransactions } from './access/transactions.ts';
import { consentTransactions } from './consent/transactions.ts';
import { membershipTransactions } from './membership/transactions.ts';
import { patientTransactions } from './patient/transactions.ts';
import { recordTransactions } from './record/transactions.ts';
import type { AnyTransaction } from './transaction.ts';

/** Every transaction of every contract, in the order of `docs/CONTRACTS.md`. */
export const contracts: readonly AnyTransaction[] = [
  ...membershipTransactions,
  ...patientTransactions,
  ...recordTransactions,
  ...consentTransactions,
  ...accessTransactions,
];

const byName: ReadonlyMap<string, AnyTransaction> = new Map(
  contracts.map((transaction) => [`${transaction.contract}.${transaction.name}`, transaction]),
);

export function findTransaction(contract: string, name: string): AnyTransaction | undefined {
  return byName.get(`${contract}.${name}`);
}
