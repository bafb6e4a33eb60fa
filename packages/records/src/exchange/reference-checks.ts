import { type BatchFact, batchKey, type KeyFact, keyKey, type LeafFact, leafKey } from '@salus/contracts';
import { type Json, parseJson, verifyInclusion } from '@salus/crypto';
import type { LedgerView } from '../ledger-view.ts';
import { recordLeafHash } from '../record-tree.ts';
import { RecordsError } from '../records-error.ts';
import type { Owner } from '../vault-types.ts';
import type { ReleasedRecord } from './exchange-peer.ts';

/**
 * Checks a record that stands alone, without a manifest: its leaf is in a batch that the ledger holds for this owner
 * and key, and is current. Returns the `<type>/<id>` that its own text names. Codes: `key-mismatch`, `proof-invalid`,
 * `superseded-served`, `tombstoned-served`, `erased-served`, `content-mismatch`.
 */
export async function checkReference(
  ledger: LedgerView,
  { record, owner, text }: { readonly record: ReleasedRecord; readonly owner: Owner; readonly text: string },
): Promise<string> {
  const leafHash = recordLeafHash(record);
  const [key, batch, state] = (await Promise.all([
    ledger.get(keyKey(record.keyId)),
    ledger.get(batchKey(record.keyId, record.callId)),
    ledger.get(leafKey(record.keyId, leafHash)),
  ])) as [KeyFact | undefined, BatchFact | undefined, LeafFact | undefined];
  if (key?.owner !== owner || batch?.owner !== owner) {
    throw new RecordsError('key-mismatch', 'the ledger holds no such batch of this owner');
  }
  const { leafIndex: index, proof } = record;
  if (!verifyInclusion({ leafHash, index, size: batch.count, proof, root: batch.root })) {
    throw new RecordsError('proof-invalid', 'a record is not in the batch that it names');
  }
  if (state !== undefined) throw new RecordsError(`${state.status}-served`, 'a referenced record is no longer current');
  return referenceOf(parseJson(text));
}

function referenceOf(resource: Json): string {
  const { resourceType, id } = resource as { readonly resourceType?: Json; readonly id?: Json };
  if (typeof resourceType !== 'string' || typeof id !== 'string') {
    throw new RecordsError('content-mismatch', 'a referenced record names no type and id');
  }
  return `${resourceType}/${id}`;
}
