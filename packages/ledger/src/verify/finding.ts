/** What is wrong, by kind. A finding is a fact about stored bytes, never a guess at who changed them. */
export type FindingCode =
  /** SQLite cannot read it. */
  | 'unreadable'
  | 'schema'
  /** A header is malformed, not canonical, not of this network, or does not continue the one before. */
  | 'header'
  | 'header-signature'
  | 'block-missing'
  | 'transaction-missing'
  | 'transaction-unexpected'
  /** A transaction's text is malformed. */
  | 'transaction'
  | 'transactions-root'
  | 'writes-root'
  | 'state-commitment'
  | 'call-signature'
  /** A stored version that no transaction wrote, or with another value. */
  | 'version-unexpected'
  /** A version that a transaction wrote and no table holds. */
  | 'version-missing'
  /** The current version and the replaced ones of a key are in the wrong tables. */
  | 'version-order'
  | 'refusal-unexpected'
  | 'refusal-missing'
  | 'state-root'
  /** The ledger does not have a block that a checkpoint vouches for: it was cut back or replaced. */
  | 'checkpoint'
  | 'checkpoint-signature'
  | 'rollback-unnamed'
  /** Running the call again gives another outcome. */
  | 'outcome';

/** The place is as exact as the damage allows: a root that does not fit tells the block, not the transaction. */
export type Finding = {
  readonly code: FindingCode;
  readonly message: string;
  readonly table?: 'block' | 'body' | 'state' | 'history' | 'refusal';
  readonly block?: number;
  readonly index?: number;
  readonly key?: string;
};

/** Findings that one run reports; a file that is damaged further is named as such. */
export const FINDINGS_MAX = 1_000;
