import { canonical } from '@salus/crypto';
import { rowEntryHash, rowHash } from './row-entry.ts';
import { insertRows, type StoreTransaction } from './store/index.ts';
import { readLogHead, storeCompletedNodes } from './tree-log.ts';
import type { RowsLog, RowToCover } from './vault-types.ts';

/**
 * The log of every row that no record leaf and no audit entry covers: which table, which key, and the hash of all
 * columns. The last entry of a key counts. Stateless: it reads its head inside the caller's transaction, so that a
 * transaction which is undone takes its entries with it.
 */
export const rowsLog: RowsLog = {
  cover: (trx, kind, rowKey, row) => coverAll(trx, [{ kind, rowKey, row }]),
  coverAll,
};

/** The text of a row's key: one column as it is, several as a canonical array in the order of the primary key. */
export function rowKeyOf(columns: readonly (string | number)[]): string {
  return columns.length === 1 ? String(columns[0]) : canonical(columns);
}

async function coverAll(trx: StoreTransaction, rows: readonly RowToCover[]): Promise<void> {
  if (rows.length === 0) return;
  const { size } = await readLogHead(trx, 'rows');
  const entries = rows.map(({ kind, rowKey, row }, at) => {
    const seq = size + at;
    const hash = row === null ? null : rowHash(kind, row);
    return { seq, kind, rowKey, rowHash: hash, hash: rowEntryHash(seq, kind, rowKey, hash) };
  });
  await insertRows(trx, 'rowEntry', entries);
  const hashes = entries.map(({ hash }) => hash);
  await storeCompletedNodes(trx, 'rows', size, hashes);
}
