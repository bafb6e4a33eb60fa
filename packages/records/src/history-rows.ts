import { rowKeyOf } from './rows-log.ts';
import type { HistoryKind, HistoryTable } from './store/history-schema.ts';
import { insertRows, type StoreTransaction } from './store/index.ts';
import { prepareForTransactions } from './store/prepared.ts';
import type { RowsLog, RowToCover } from './vault-types.ts';

/** What happened to one version. */
export interface Happened extends Pick<HistoryTable, 'recordId' | 'version' | 'atMs'> {
  readonly kind: HistoryKind;
}

const last = prepareForTransactions((db) => db.selectFrom('history').select('seq').orderBy('seq', 'desc').limit(1));

/** The order in which versions came to be, in the transaction of the versions themselves. */
export class HistoryRows {
  readonly #rowsLog: RowsLog;
  /** Of the last row; read once, since this process alone writes. */
  #last: number | undefined;

  constructor(rowsLog: RowsLog) {
    this.#rowsLog = rowsLog;
  }

  /** Seen when the batch is committed. The caller has the log cover them. */
  async insert(trx: StoreTransaction, batchId: string, happened: readonly Happened[]): Promise<readonly RowToCover[]> {
    let seq = this.#last ?? (await last(trx, 1))[0]?.seq ?? 0;
    const rows = happened.map((one) => ({ seq: ++seq, batchId, ...one }));
    this.#last = seq;
    await insertRows(trx, 'history', rows);
    return rows.map((row) => ({ kind: 'history', rowKey: rowKeyOf([row.seq]), row }));
  }

  /** Takes the rows of a batch out that the ledger refused. */
  async discard(trx: StoreTransaction, batchId: string): Promise<void> {
    const gone = await trx.deleteFrom('history').where('batchId', '=', batchId).returning('seq').execute();
    await uncover(trx, this.#rowsLog, gone);
  }
}

/** Rows go with the versions that they name: of what is erased nothing tells when it was. */
export async function removeHistory(
  trx: StoreTransaction,
  rowsLog: RowsLog,
  versions: readonly Pick<Happened, 'recordId' | 'version'>[],
): Promise<void> {
  for (const { recordId, version } of versions) {
    const gone = await trx
      .deleteFrom('history')
      .where('recordId', '=', recordId)
      .where('version', '=', version)
      .returning('seq')
      .execute();
    await uncover(trx, rowsLog, gone);
  }
}

async function uncover(
  trx: StoreTransaction,
  rowsLog: RowsLog,
  rows: readonly Pick<HistoryTable, 'seq'>[],
): Promise<void> {
  await rowsLog.coverAll(
    trx,
    rows.map(({ seq }) => ({ kind: 'history', rowKey: rowKeyOf([seq]), row: null })),
  );
}
