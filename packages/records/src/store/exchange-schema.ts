/** Tables of audit, rows log, exchange, requests and backups. Column rules as in `schema.ts`. */
export interface ExchangeTables {
  readonly auditEvent: AuditEventTable;
  readonly rowEntry: RowEntryTable;
  readonly logNode: LogNodeTable;
  readonly logRoot: LogRootTable;
  readonly session: SessionTable;
  readonly request: RequestTable;
  readonly grantToken: GrantTokenTable;
  readonly inbox: DeliveryTable;
  readonly outbox: DeliveryTable;
  readonly walletBackup: WalletBackupTable;
}

/** One event of the organisation's audit log; the leaf is SHA-256 over `sealed`. */
export interface AuditEventTable {
  readonly seq: number;
  /** Token of the pid, or null for an event about no patient. */
  readonly pidToken: string | null;
  /** Counter of the pid's events, from 1. */
  readonly pidSeq: number | null;
  readonly sealed: Uint8Array;
}

/** One entry of the rows log: the row of this kind and key has this hash from here on; null: it is gone. */
export interface RowEntryTable {
  readonly seq: number;
  readonly kind: string;
  readonly rowKey: string;
  readonly rowHash: string | null;
}

/** Interior nodes of the logs' trees, so that a proof costs a few reads. */
export interface LogNodeTable {
  readonly log: string;
  readonly level: number;
  readonly position: number;
  readonly hash: Uint8Array;
}

/** The last root of each log that the ledger is known to hold. */
export interface LogRootTable {
  readonly log: string;
  readonly size: number;
  readonly root: string;
  readonly callId: string;
}

/** A session that this organisation's gateway opened, or (reader side) that another opened for it. */
export interface SessionTable {
  readonly sessionId: string;
  readonly side: 'author' | 'reader';
  readonly pidToken: string;
  readonly untilMs: number;
  readonly sealed: Uint8Array;
}

/** A request to a patient, as its requester or its patient's organisation keeps it. */
export interface RequestTable {
  readonly requestId: string;
  readonly pidToken: string;
  readonly createdMs: number;
  readonly sealed: Uint8Array;
}

/** A grant token that a patient gave to this organisation as reader. */
export interface GrantTokenTable {
  readonly tokenId: string;
  readonly requestToken: string | null;
  readonly receivedMs: number;
  readonly sealed: Uint8Array;
}

export interface DeliveryTable {
  readonly deliveryId: string;
  readonly atMs: number;
  readonly state: string;
  readonly sealed: Uint8Array;
}

/** The opaque backup of a patient's wallet, sealed by the wallet itself and again at rest. */
export interface WalletBackupTable {
  readonly pidToken: string;
  readonly atMs: number;
  readonly sealed: Uint8Array;
}
