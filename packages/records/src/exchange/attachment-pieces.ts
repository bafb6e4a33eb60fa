import { createHash } from 'node:crypto';
import { CryptoError, openChunks } from '@salus/crypto';
import type { AttachmentReference } from '../attachment-reference.ts';
import { type Attachments, attachmentContext } from '../attachments.ts';
import { RecordsError } from '../records-error.ts';
import type { Store } from '../store/index.ts';
import type { StoredRecord } from '../vault-types.ts';

/** Bytes of a sealed file that travel at once. */
export const ATTACHMENT_PIECE_BYTES = 1024 * 1024;

/** The author's side: sealed pieces of the attachments of committed records. */
export interface AttachmentPieces {
  /** Piece `index` of an attachment of this record version; `not-found` when it has no such attachment or piece. */
  readPiece(record: StoredRecord, attachmentId: string, index: number): Promise<Uint8Array>;
}

export function createAttachmentPieces(store: Store, attachments: Pick<Attachments, 'readSealed'>): AttachmentPieces {
  return {
    readPiece: async ({ recordId, version }, attachmentId, index) => {
      const row = await store.read
        .selectFrom('attachment')
        .select(['attachmentId', 'fileBytes', 'fileHash'])
        .where('attachmentId', '=', attachmentId)
        .where('recordId', '=', recordId)
        .where('version', '=', version)
        .executeTakeFirst();
      const start = index * ATTACHMENT_PIECE_BYTES;
      const { fileBytes = null, fileHash = null } = row ?? {};
      // An erased attachment's row keeps its id alone.
      const isThere = fileBytes !== null && fileHash !== null && Number.isInteger(index) && index >= 0;
      if (!isThere || start >= fileBytes) {
        throw new RecordsError('not-found', 'the record has no such attachment or piece');
      }
      const end = Math.min(start + ATTACHMENT_PIECE_BYTES, fileBytes);
      return attachments.readSealed({ attachmentId, fileBytes, fileHash }, start, end);
    },
  };
}

/**
 * The reader's side: the plaintext, chunk by chunk, each once it has authenticated; `ask` fetches one sealed piece. The
 * whole counts only when the iteration ends without error: its hash is the one that the record names. Codes:
 * `attachment-truncated`, `content-mismatch`.
 */
export async function* openPieces(
  { attachmentId, key, fileBytes, fileHash }: AttachmentReference,
  ask: (index: number) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let index = 0; index * ATTACHMENT_PIECE_BYTES < fileBytes; index += 1) {
      const piece = await ask(index);
      if (piece.length !== Math.min(ATTACHMENT_PIECE_BYTES, fileBytes - index * ATTACHMENT_PIECE_BYTES)) {
        throw new RecordsError(
          'attachment-truncated',
          'a piece of an attachment has another length than its record says',
        );
      }
      hash.update(piece);
      yield piece;
    }
  }
  try {
    yield* openChunks({ key, context: attachmentContext(attachmentId), source: pieces() });
  } catch (cause) {
    if (!(cause instanceof CryptoError)) throw cause;
    throw new RecordsError('content-mismatch', 'an attachment does not open with the key of its record', { cause });
  }
  if (hash.digest('base64url') !== fileHash) {
    throw new RecordsError('content-mismatch', 'an attachment is not the one that its record names');
  }
}
