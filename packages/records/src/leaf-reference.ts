import type { Json } from '@salus/contracts';
import type { RecordRows, StoredRecord } from './vault-types.ts';

/** How a call names a committed version: with the proof that its batch holds it. */
export async function leafReference(rows: RecordRows, record: StoredRecord): Promise<Json> {
  const { leafHash, keyId, callId, leafIndex } = record;
  return { leafHash, keyId, batch: callId, index: leafIndex, proof: await rows.inclusionProof(record) };
}
