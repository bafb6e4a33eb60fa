import { LedgerError } from '@salus/ledger';

/** Why a follower stops: what was thrown, or `storage-failed`. */
export function failureOf(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  return new LedgerError('storage-failed', 'a block could not be applied', { cause: error });
}
