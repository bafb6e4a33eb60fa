import { type CallPayload, callId } from '@salus/crypto';
import { findRecordRoot } from '@salus/ledger/proof';
import type { WalletContent } from '@salus/wallet';
import { ClientError } from './client-error.ts';
import { checkTransaction, compareCheckpoint, type ProvenTransaction } from './ledger-proofs.ts';
import { checkChain, readHeaders } from './log-proof.ts';
import type { SealedRecord } from './own-records.ts';
import { isInBatch } from './record-leaf.ts';
import type { NodeSession } from './session.ts';

/** Where an own record stands on the ledger, once every step of the way there was checked on this device. */
export interface ProvenRecord {
  readonly block: number;
  readonly committedMs: number;
  /** Whether blocks lead from there to the point of the ledger that the wallet holds on to; else it is this node's word. */
  readonly isAnchored: boolean;
}

/**
 * Checks that a committed call of the wallet's ledger wrote the root that covers this very version of a record, and that the
 * blocks lead from there to what the wallet holds on to.
 *
 * @throws ClientError `proof-invalid` and WalletError `checkpoint-went-back`
 */
export async function checkOwnRecord(
  session: NodeSession,
  record: SealedRecord,
  content: WalletContent,
): Promise<ProvenRecord> {
  const { api, token } = session;
  const path = `/api/v1/ledger/transactions/${encodeURIComponent(record.callId)}`;
  const found = await api.send<ProvenTransaction>({ method: 'GET', path, token });
  checkRecordCall(found, record, content.network);
  const { checkpoint, isAnchored } = await compareCheckpoint(session, content);
  const headers = await readHeaders(session, found.header.number, checkpoint.number);
  const isFollowed = checkChain(found, headers, checkpoint);
  const { block, timestampMs } = found.transaction;
  return { block, committedMs: timestampMs, isAnchored: isAnchored && isFollowed };
}

/** Whether a committed call of this network, the one that the record names, wrote the root that covers it. @throws ClientError `proof-invalid` */
function checkRecordCall(found: ProvenTransaction, record: SealedRecord, network: string): void {
  checkTransaction(found);
  const { call, outcome } = found.transaction;
  const { payload } = call as unknown as { readonly payload: CallPayload };
  demand(callId(payload) === record.callId, 'The node shows another transaction than the record names.');
  demand(payload.network === network, 'The transaction is of another network than the wallet’s.');
  const { kind, writes = [] } = outcome as unknown as {
    readonly kind: string;
    readonly writes?: Parameters<typeof findRecordRoot>[0];
  };
  const root = findRecordRoot(writes, record);
  demand(kind === 'committed' && root !== undefined, 'The transaction wrote no root for this record.');
  const holds = isInBatch(record, { index: record.leafIndex, proof: record.proof, ...root });
  demand(holds, 'The root on the ledger does not cover this record.');
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ClientError('proof-invalid', message);
}
