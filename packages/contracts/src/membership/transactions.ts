import type { AnyTransaction } from '../transaction.ts';
import { authenticity } from './authenticity.ts';
import { found } from './found.ts';
import { hpkeKeys } from './hpke-keys.ts';
import { identities } from './identities.ts';
import { proposals } from './propose.ts';
import { releases } from './release.ts';

export const membershipTransactions: readonly AnyTransaction[] = [
  found,
  ...proposals,
  ...identities,
  ...hpkeKeys,
  ...authenticity,
  ...releases,
];
