/** Tables of audit, rows log, exchange, requests and backups. Column rules as in `schema.ts`. */
export interface ExchangeTables {
  readonly auditEvent: AuditEventTable;
  readonly rowEntry: RowEntryTable;
  readonly logNode: LogNodeTable;
  readonly session: SessionTable;
  readonly request: RequestTable;
  readonly grantToken: GrantTokenTable;
  readonly placeList: PlaceListTable;
  readonly inbox: DeliveryTable;
  readonly outbox: DeliveryTable;
}

/** One event of the organisation's audit log (`audit.ts`). */
export interface AuditEventTable {
  /** From 0 without gaps; the leaf's index in the tree. */
  readonly seq: number;
  /** Token of the pid, or null for an event about no patient. */
  readonly pidToken: string | null;
  /** Counter of the pid's events, from 1. */
  readonly pidSeq: number | null;
  readonly sealed: Uint8Array;
  /** SHA-256 of the event's text, which begins with a salt: lets its patient check what the node shows as this row. */
  readonly contentHash: string;
  /** Hash over this row and the hash of the row before it: the tree's leaf. */
  readonly hash: string;
}

/** One entry of the rows log (`rows-log.ts`): the row of this kind and key has this hash from here on; null: it is gone. */
export interface RowEntryTable {
  readonly seq: number;
  readonly kind: string;
  readonly rowKey: string;
  readonly rowHash: string | null;
  /** Hash over this row: the tree's leaf. */
  readonly hash: string;
}

/** Perfect subtrees of 2^level leaves, level ≥ 8, of the logs' trees, so that a proof costs a few reads (`tree-log.ts`). */
export interface LogNodeTable {
  readonly log: string;
  readonly level: number;
  readonly position: number;
  readonly hash: string;
}

/** A session that this organisation's gateway opened for a reader, until some time after it ended. */
export interface SessionTable {
  /** Token of the session's id, which stands on the ledger beside its pid. */
  readonly sessionToken: string;
  readonly untilMs: number;
  /** `GatewaySession` */
  readonly sealed: Uint8Array;
}

/** A request to a patient, in the words that the ledger only commits to. */
export interface RequestTable {
  readonly requestToken: string;
  readonly pidToken: string;
  readonly createdMs: number;
  /** `StoredRequest` */
  readonly sealed: Uint8Array;
}

/** A grant token that a patient gave to this organisation as reader. */
export interface GrantTokenTable {
  /** Token of pid and grant id. */
  readonly grantToken: string;
  /** Of the request that it answers. */
  readonly requestToken: string | null;
  readonly receivedMs: number;
  /** `GrantToken` */
  readonly sealed: Uint8Array;
}

/** The list of places that a patient sealed to the grantee of a locate grant. */
export interface PlaceListTable {
  readonly grantToken: string;
  readonly receivedMs: number;
  readonly sealed: Uint8Array;
}

/** A delivery that arrived (`inbox`) or is to be sent (`outbox`). */
export interface DeliveryTable {
  readonly deliveryToken: string;
  readonly atMs: number;
  readonly state: string;
  readonly sealed: Uint8Array;
}
