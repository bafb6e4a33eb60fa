/** The index for searches (ADR 0010). Its rows go when their version is superseded, hidden or erased. */
export interface SearchTables {
  readonly searchEntry: SearchEntryTable;
  readonly searchToken: SearchTokenTable;
}

/** One version of a record in the index. */
export interface SearchEntryTable {
  /** A number of the record's own: it stays from version to version, so that pages do. */
  readonly entry: number;
  readonly version: number;
  readonly recordId: string;
  /** 48 bits of an HMAC of the owner; patients' own resources share one. */
  readonly shard: number;
  readonly batchId: string;
  /** Its tokens, 16 bytes each, one after the other: whose rows in `searchToken` they are, and what verification compares. */
  readonly tokens: Uint8Array;
}

/** Where a keyed term stands. Derived from `searchEntry`. */
export interface SearchTokenTable {
  readonly shard: number;
  /** 16 bytes: HMAC of shard and term. */
  readonly token: Uint8Array;
  readonly entry: number;
}
