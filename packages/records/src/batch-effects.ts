import type { AuditEvent } from './vault-types.ts';

/**
 * What a batch does to earlier rows once the ledger has its call. Kept sealed with the batch, so that a start after a
 * crash can finish what was begun.
 */
export interface BatchEffects {
  /** Versions that this batch supersedes. */
  readonly ends: readonly { readonly recordId: string; readonly version: number }[];
  /** Versions that this batch hides. */
  readonly hides: readonly { readonly recordId: string; readonly version: number }[];
  /** Resources whose identifiers and relationships this batch states anew, with the identifier tokens that stay. */
  readonly restated: readonly { readonly resourceToken: string; readonly identifierTokens: readonly string[] }[];
  readonly audits: readonly AuditEvent[];
}
