/** In which order versions came to be (R4 §3.1.0.9). It says no more than `record`, `batch` and the ledger do. */
export interface HistoryTables {
  readonly history: HistoryTable;
}

export type HistoryKind = 'create' | 'update' | 'delete';

/** One thing that happened to a record; it counts once its batch is committed. */
export interface HistoryTable {
  readonly seq: number;
  readonly batchId: string;
  readonly kind: HistoryKind;
  readonly recordId: string;
  /** The version that was written, or deleted. */
  readonly version: number;
  readonly atMs: number;
}
