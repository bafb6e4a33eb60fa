import { hashTuple, type Json, sha256Base64url } from '@salus/crypto';
import type { Selectable } from 'kysely';
import type { AttachmentTable, BatchTable, RecordTable } from './store/schema.ts';

/** A record row as it is written, before anything of it was erased. */
export type RecordRowFacts = Omit<Selectable<RecordTable>, 'batchId' | 'rowHash' | 'status'>;

/** Hash of a record row's bytes. It stays when the row is erased, so that the batch's digest can still be computed. */
export function recordRowHash(row: RecordRowFacts): string {
  return hashTuple(
    'record-row',
    row.keyId,
    row.leafIndex,
    row.leafHash,
    row.recordId,
    row.version,
    row.ciphertextHash,
    row.contentHash,
    row.packOffset,
    row.packLength,
    row.wrap,
    bytesHash(row.sealed),
    row.resourceToken,
    row.ownerToken,
  );
}

export type AttachmentRowFacts = Omit<Selectable<AttachmentTable>, 'batchId' | 'rowHash'>;

export function attachmentRowHash(row: AttachmentRowFacts): string {
  return hashTuple('attachment-row', row.attachmentId, row.recordId, row.version, row.fileBytes, row.fileHash);
}

/**
 * What the rows log covers for a batch: its record rows by key id and leaf index, then its attachment rows by id
 * (orders by UTF-16 code units, as SQLite's BINARY on base64url).
 */
export function rowsDigest(
  records: readonly { readonly keyId: string; readonly leafIndex: number; readonly rowHash: string }[],
  attachments: readonly { readonly attachmentId: string; readonly rowHash: string }[],
): string {
  const sortedRecords = [...records].sort((a, b) => compare(a.keyId, b.keyId) || a.leafIndex - b.leafIndex);
  const sortedAttachments = [...attachments].sort((a, b) => compare(a.attachmentId, b.attachmentId));
  return hashTuple(
    'batch-rows',
    sortedRecords.map((row) => row.rowHash),
    sortedAttachments.map((row) => row.rowHash),
  );
}

/** What the rows log covers of a batch once it is committed; the others have one value then. */
export function coveredBatch(batch: Selectable<BatchTable>): { readonly [column: string]: Json } {
  const { batchId, kind, callId, digest, packBytes, createdMs } = batch;
  return { batchId, kind, callId, digest, packBytes, createdMs };
}

/** A row of a table that no record leaf covers, as JSON for the rows log: bytes stand as their SHA-256. */
export function coveredRow(row: object): Json {
  const covered: Record<string, Json> = {};
  for (const [column, value] of Object.entries(row) as [string, Json | Uint8Array][]) {
    covered[column] = value instanceof Uint8Array ? bytesHash(value) : value;
  }
  return covered;
}

function bytesHash(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : sha256Base64url(bytes);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
