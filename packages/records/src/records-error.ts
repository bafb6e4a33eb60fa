/**
 * Why an operation on the vault or the exchange failed. The union is closed and public API (docs/ERRORS.md).
 *
 * - `already-imported`: the same bundle was committed before and `again` was not said.
 * - `attachment-truncated`: an attachment has fewer bytes or chunks than its record names.
 * - `bad-input`: a value from outside breaks its documented shape or bound.
 * - `closed`: the vault is closing or closed.
 * - `conflict`: a conditional reference matched more than once, or a version is no longer the current one.
 * - `content-mismatch`: bytes do not have the hash that the ledger or the record names.
 * - `corrupt`: the store holds what it must never hold: run verify.
 * - `denied`: home access is not allowed to this person: no role, no care relationship, or the patient denied it.
 * - `erased`, `tombstoned`: the version exists no more, or is hidden.
 * - `foreign-resource`: another organisation wrote the resource; only its own base takes changes of it.
 * - `key-mismatch`: a key does not belong to the owner, pair or epoch that was claimed.
 * - `ledger-refused`: the ledger refused the call; `detail` is the contract's code.
 * - `ledger-unavailable`: the outcome of a call is not known yet; reconciliation will settle it.
 * - `master-key`: the master key is missing, malformed, readable by others, or not this store's.
 * - `not-found`: no such record, patient, attachment, session or delivery, or none that may be named.
 * - `omitted-record`: the author's node withheld a leaf that it had to show.
 * - `overloaded`: a named queue bound is reached; nothing was done.
 * - `peer-unreachable`: the other organisation's node did not answer in time, or said that it cannot now; ask again.
 * - `peer-untrusted`: what answers in the other organisation's name is not an enrolled node of it.
 * - `proof-invalid`: a Merkle proof, root or pair opening does not verify.
 * - `rollback-unnamed`: the store is older than a known checkpoint and releases nothing.
 * - `session-ended`: the session is over, its grant revoked, or its terms ended.
 * - `signature-invalid`: a signed request is not its organisation's, or stale, or replayed.
 * - `stale-epoch`: the owner's epoch kept changing while a write was tried.
 * - `store-refused`: the database cannot be the store, or not any more: the message says why.
 * - `store-unavailable`: the database cannot be reached; nothing was done, try again.
 * - `superseded-served`, `tombstoned-served`, `erased-served`: the author's node served a version that the ledger says
 *   is replaced, hidden or erased.
 * - `too-costly`: an answer would take more work than a named bound allows; asking for less helps.
 * - `too-large`: input exceeds a named bound.
 */
export type RecordsErrorCode =
  | 'already-imported'
  | 'attachment-truncated'
  | 'bad-input'
  | 'closed'
  | 'conflict'
  | 'content-mismatch'
  | 'corrupt'
  | 'denied'
  | 'erased'
  | 'foreign-resource'
  | 'key-mismatch'
  | 'ledger-refused'
  | 'ledger-unavailable'
  | 'master-key'
  | 'not-found'
  | 'omitted-record'
  | 'overloaded'
  | 'peer-unreachable'
  | 'peer-untrusted'
  | 'proof-invalid'
  | 'rollback-unnamed'
  | 'session-ended'
  | 'signature-invalid'
  | 'stale-epoch'
  | 'store-refused'
  | 'store-unavailable'
  | 'superseded-served'
  | 'tombstoned-served'
  | 'erased-served'
  | 'tombstoned'
  | 'too-costly'
  | 'too-large';

/** The only error that this package throws on purpose. Messages never hold health data, identifiers, keys or tokens. */
export class RecordsError extends Error {
  override readonly name = 'RecordsError';
  readonly code: RecordsErrorCode;
  /** A stable code of another package that caused this one (a contract's refusal, a FHIR issue code). */
  readonly detail: string | undefined;

  constructor(code: RecordsErrorCode, message: string, options: ErrorOptions & { readonly detail?: string } = {}) {
    super(message, options);
    this.code = code;
    this.detail = options.detail;
  }
}
