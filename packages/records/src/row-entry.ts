import { hashTuple, type Json } from '@salus/crypto';
import { coveredRow } from './row-hash.ts';

/** A row of a covered table: every column as it stands there. */
export type RowColumns = { readonly [column: string]: Json | Uint8Array };

/** Of entries that stand for no row: they hide how many others do (ADR 0002). */
export const COVER_KIND = 'cover';

/** What a row counts for in the rows log; `coveredRow` of a row gives the same hash as the row itself. */
export function rowHash(kind: string, row: RowColumns): string {
  return hashTuple('row', kind, coveredRow(row));
}

/** What the tree of the rows log holds of one entry; `hash` null: the row is gone. */
export function rowEntryHash(seq: number, kind: string, rowKey: string, hash: string | null): string {
  return hashTuple('row-entry', seq, kind, rowKey, hash);
}
