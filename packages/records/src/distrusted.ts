import { LedgerError } from '@salus/ledger';

/**
 * Does this say that the ledger's answer would rest on what should not be? Nothing is destroyed and nothing released on such
 * an answer; all that does not rest on it goes on, since else two members could stop every node.
 */
export function isDistrusted(error: unknown): error is LedgerError {
  return error instanceof LedgerError && error.code === 'distrusted';
}
