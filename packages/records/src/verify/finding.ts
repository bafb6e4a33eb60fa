/** What verification of an organisation's store can find; each names the exact place. */
export type FindingCode =
  /** SQLite cannot read the file, or finds its pages at odds with each other. */
  | 'database-damaged'
  /** Tables, indexes or triggers are not those of this version. */
  | 'schema-changed'
  /** A fact about the store is not the network's or the organisation's. */
  | 'meta-changed'
  /** A log has fewer entries than the ledger has rooted. */
  | 'log-cut'
  /** A log's entry is gone from between others. */
  | 'log-entry-missing'
  /** A log's entry is of another place, or not what its own hash says. */
  | 'log-entry-changed'
  /** An inner node of a log's tree is missing or another. */
  | 'log-node-changed'
  /** The rooted entries do not give the root on the ledger. */
  | 'log-root-mismatch'
  /** A row is not the one that the rows log covers. */
  | 'row-changed'
  /** The rows log covers a row that is gone. */
  | 'row-missing'
  /** A row that the rows log never covered. */
  | 'row-uncovered'
  /** A record's or attachment's row, or a batch's digest of them, is not what was committed. */
  | 'record-changed'
  /** The ledger's tree over a batch is not that of the stored leaves. */
  | 'tree-mismatch'
  /** A record's status is not the one that the ledger's leaf state demands. */
  | 'status-mismatch'
  /** The store has what the ledger does not: a batch, tree, key or table. */
  | 'not-on-ledger'
  /** The ledger has what the store does not: a batch, tree, key or table. */
  | 'not-in-store'
  /** A pack or attachment is missing. */
  | 'object-missing'
  /** Bytes of a pack or attachment are not those that were committed. */
  | 'object-changed'
  /** Bytes of an erased version are still there. */
  | 'erased-remains';

export interface Finding {
  readonly code: FindingCode;
  /** File, table and key, as exactly as can be told. */
  readonly place: string;
}

/** After so many findings the rest adds nothing: the store is not to be trusted. */
export const FINDINGS_MAX = 1_000;

/** What verification saw beside findings: so that a check which saw nothing cannot pass for a good one. */
export interface Seen {
  auditEvents: number;
  rowEntries: number;
  rows: number;
  records: number;
  batches: number;
  objects: number;
  attachments: number;
  /** Trees, keys and tables of this organisation on the ledger. */
  ledgerEntries: number;
}

/** What is no fault but worth saying. */
export interface Notes {
  /** Entries that no root on the ledger covers yet: the process ended before it could send one. */
  unrooted: number;
  /** Writes that were under way; the next start settles them. */
  pendingBatches: number;
  /** Files that no row names; the next start removes them. */
  orphanFiles: number;
  /** Versions that were erased by calls which a rollback lost: their owners are asked to sign again. */
  erasedBeforeRollback: number;
}

/** Collects findings up to the bound. */
export class Report {
  readonly findings: Finding[] = [];
  readonly seen: Seen = {
    ...{ auditEvents: 0, rowEntries: 0, rows: 0, records: 0, batches: 0, objects: 0, attachments: 0, ledgerEntries: 0 },
  };
  readonly notes: Notes = { unrooted: 0, pendingBatches: 0, orphanFiles: 0, erasedBeforeRollback: 0 };

  find(code: FindingCode, place: string): void {
    if (this.findings.length < FINDINGS_MAX) this.findings.push({ code, place });
  }
}
