import type { AnyTransaction } from '../transaction.ts';
import { delegate } from './delegate.ts';
import { emergency } from './emergency.ts';
import { expire } from './expire.ts';
import { grant } from './grant.ts';
import { locate } from './locate.ts';
import { narrow } from './narrow.ts';
import { answer, request } from './request.ts';
import { review } from './review.ts';
import { revoke } from './revoke.ts';
import { use } from './use.ts';

export const consentTransactions: readonly AnyTransaction[] = [
  grant,
  narrow,
  delegate,
  use,
  revoke,
  expire,
  locate,
  request,
  answer,
  emergency,
  review,
];
