import { fromBase64url, leafHash, verifyInclusion } from '@salus/crypto';
import { ClientError } from './client-error.ts';
import { checkTransaction, type ProvenTransaction } from './ledger-proofs.ts';
import { leafOfRecord, type SealedRecord } from './own-records.ts';
import type { NodeSession } from './session.ts';

/** Where an own record stands on the ledger, once every step of the way there was checked on this device. */
export interface ProvenRecord {
  readonly callId: string;
  readonly block: number;
  readonly committedMs: number;
}

/**
 * Checks that a committed call of the ledger wrote the root that covers this very version of a record.
 *
 * @throws ClientError `proof-invalid`
 */
export async function checkOwnRecord({ api, token }: NodeSession, record: SealedRecord): Promise<ProvenRecord> {
  const path = `/api/v1/ledger/transactions/${encodeURIComponent(record.callId)}`;
  const found = await api.send<ProvenTransaction>({ method: 'GET', path, token });
  checkTransaction(found);
  const { callId, block, timestampMs, outcome } = found.transaction;
  demand(callId === record.callId, 'The node shows another transaction than the record names.');
  const { writes = [] } = outcome as unknown as { readonly writes?: readonly (readonly [string, unknown])[] };
  const key = `record/root/${record.keyId}/${record.callId}`;
  const root = writes.find(([written]) => written === key)?.[1] as
    | { readonly root: string; readonly count: number }
    | undefined;
  demand(root !== undefined, 'The transaction wrote no root for this record.');
  const holds = verifyInclusion({
    leafHash: leafHash(fromBase64url(leafOfRecord(record))),
    index: record.leafIndex,
    size: root.count,
    proof: record.proof.map(fromBase64url),
    root: fromBase64url(root.root),
  });
  demand(holds, 'The root on the ledger does not cover this record.');
  return { callId, block, committedMs: timestampMs };
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ClientError('proof-invalid', message);
}
