export type LedgerErrorCode =
  /** The file is not a ledger of this format, or its head contradicts itself: run `verify`. */
  | 'not-a-ledger'
  | 'already-exists'
  /** The signer given is not the one that the ledger was created with. */
  | 'wrong-key'
  /** Another process has the ledger open. */
  | 'in-use'
  /** A block could not be made durable; the engine stops, and a restart recovers. */
  | 'storage-failed'
  /** The block is durable but its checkpoint is not: the call may have been committed; ask again after a restart. */
  | 'checkpoint-failed'
  /** A contract failed in a way that is no refusal; the call had no effect. */
  | 'execution-failed'
  /** The checkpoint file is damaged beyond a torn tail. */
  | 'bad-checkpoint-file'
  | 'bad-argument'
  /** What was asked for rests on a transaction that should not be: an alarm tells which. */
  | 'distrusted'
  /** Peers or orderers were not reached in time. The call may or may not have been committed: send it again, that is safe. */
  | 'unavailable'
  /** A block was made by contracts whose bundle is not installed here: nothing is read until it is. */
  | 'contracts-unknown'
  | 'stopped';

/** Every error of this package. Messages hold numbers, file roles and codes, never arguments of a call. */
export class LedgerError extends Error {
  readonly code: LedgerErrorCode;

  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LedgerError';
    this.code = code;
  }
}
