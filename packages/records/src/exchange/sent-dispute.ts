import { callKey, type DisputeFact, disputeKey } from '@salus/contracts';
import { checkDispute, type KeptDispute, type KnownDispute } from '../disputes.ts';
import type { LedgerView } from '../ledger-view.ts';
import { idOfCall } from '../node-call.ts';
import { type LeafFacts, recordLeafHash } from '../record-tree.ts';
import { RecordsError } from '../records-error.ts';
import type { StoredRecord } from '../vault-types.ts';

/**
 * A statement as another organisation gets it. The patient committed to a leaf hash; `leaf` opens it, so that whoever reads
 * sees for themselves which record and version it is about, and no node hangs it elsewhere.
 */
export interface SentDispute extends KeptDispute {
  readonly leaf: Pick<LeafFacts, 'keyId' | 'ciphertextHash' | 'contentHash'>;
}

/** As it arrives. Nodes of before opened no leaf: what cannot be laid to a record is as good as withheld. */
export type ArrivedDispute = Omit<SentDispute, 'leaf'> & Partial<Pick<SentDispute, 'leaf'>>;

export function opensLeaf(sent: ArrivedDispute): sent is SentDispute {
  return sent.leaf !== undefined;
}

/** @param disputed the very version that the statement is about */
export function sendDispute(known: KnownDispute, disputed: StoredRecord): SentDispute {
  const { status: _status, atMs: _atMs, answeredMs: _answeredMs, ...kept } = known;
  const { keyId, ciphertextHash, contentHash } = disputed;
  const answer = kept.answer?.call === undefined ? null : kept.answer;
  return { ...kept, answer, leaf: { keyId, ciphertextHash, contentHash } };
}

/**
 * What the ledger committed to, about the record and version that it is said to be about. Who answered is shown only as
 * the ledger knows it: by the call that committed the words. `content-mismatch`
 */
export async function checkSentDispute(
  ledger: LedgerView,
  { leaf, ...kept }: SentDispute,
  pid: string,
): Promise<KnownDispute> {
  const { recordId, version, dispute } = kept;
  const fact = (await ledger.get(disputeKey(pid, dispute))) as DisputeFact | undefined;
  const isOfRecord =
    leaf.keyId === fact?.keyId && recordLeafHash({ recordId, version, ...leaf }) === kept.statement.leafHash;
  const known = kept.pid === pid && isOfRecord ? checkDispute(kept, fact) : undefined;
  if (known === undefined) throw new RecordsError('content-mismatch', 'a statement is not what the ledger holds');
  if (known.answer === null || (await isAnsweredBy(ledger, known))) return known;
  throw new RecordsError('content-mismatch', 'the answer to a statement is not of who is said to have answered');
}

/** Whether the words were committed by a call of the person whom they are said to be of. */
async function isAnsweredBy(ledger: LedgerView, { pid, dispute, answer }: KnownDispute): Promise<boolean> {
  if (answer?.call === undefined) return false;
  const { payload } = answer.call;
  const { contract, transaction, signer } = payload;
  const args = payload.args as { readonly pid?: unknown; readonly dispute?: unknown };
  const isAnswer = `${contract}.${transaction}` === 'record.answerDispute' && signer === `id:${answer.by}`;
  if (!isAnswer || args.pid !== pid || args.dispute !== dispute) return false;
  // Of a dispute only one answer commits, and its words were compared with that one's.
  return (await ledger.get(callKey(idOfCall(answer.call)))) !== undefined;
}
