import {
  type CallPayload,
  callId,
  canonical,
  concatBytes,
  fromBase64url,
  type Json,
  leafHash,
  sha256,
  toBase64url,
  utf8,
} from '@salus/crypto';
import {
  type BlockHeader,
  type Checkpoint,
  findRecordRoot,
  hashOfHeader,
  RECORD_PROOF_VERSION,
  type RecordProof,
} from '@salus/ledger/proof';
import { ClientError } from './client-error.ts';
import { checkHeader, checkTransaction } from './ledger-proofs.ts';
import { isInBatch } from './record-leaf.ts';

export type { RecordProof };

/** What a proof shows, once every step holds. */
export interface CheckedRecord {
  readonly resource: string;
  readonly block: number;
  readonly committedMs: number;
  /** Whether the blocks lead from the record's to the checkpoint's; where they are too many, only the ledger can show it. */
  readonly isFollowed: boolean;
}

/**
 * Checks a proof as docs/record-proof.md describes it, against a checkpoint.
 *
 * @throws ClientError `proof-invalid`, which says at what step
 */
export function checkRecordProof(proof: RecordProof, checkpoint: Checkpoint): CheckedRecord {
  try {
    return checkSteps(proof, checkpoint);
  } catch (error) {
    if (error instanceof ClientError) throw error;
    // Whatever is missing or of another form stumbles over what reads it.
    throw refused('The proof is not of the form that it should have.', error);
  }
}

function checkSteps(proof: RecordProof, checkpoint: Checkpoint): CheckedRecord {
  const { block, headers, network, resource } = proof;
  demand(proof.version === RECORD_PROOF_VERSION, 'The proof is of an unknown version.');
  demand(network === checkpoint.network, 'The proof and the checkpoint are of two networks.');
  checkContent(proof);
  checkBatch(proof);
  checkCall(proof);
  const { number, timestampMs } = checkHeader(block);
  const isFollowed = headers !== null;
  if (isFollowed) checkChain([block.header, ...headers], checkpoint);
  return { resource, block: number, committedMs: timestampMs, isFollowed };
}

/** The text is the one that the leaf commits to, and is the resource that the proof is said to be of. */
function checkContent({ record, resource }: RecordProof): void {
  const content = toBase64url(sha256(concatBytes(fromBase64url(record.salt), utf8(record.plaintext))));
  demand(content === record.contentHash, 'The text is not the one that the record commits to.');
  const { resourceType, id, meta } = JSON.parse(record.plaintext) as {
    readonly resourceType: string;
    readonly id: string;
    readonly meta: { readonly versionId: string };
  };
  const named = `${resourceType}/${id}/_history/${meta.versionId}`;
  demand(resource === named && meta.versionId === String(record.version), 'The proof is of another resource.');
}

function checkBatch({ record, batch }: RecordProof): void {
  demand(isInBatch(record, batch), 'The batch does not hold this record.');
}

function checkCall({ record, batch, transaction, inclusion, block, network }: RecordProof): void {
  const { call, outcome, timestampMs } = transaction;
  demand(outcome.kind === 'committed', 'The call was not committed.');
  const fact = findRecordRoot(outcome.writes, { keyId: record.keyId, callId: batch.callId });
  demand(fact?.root === batch.root && fact.count === batch.count, 'The call wrote another root.');
  const id = callId(call.payload as CallPayload);
  demand(id === batch.callId && call.payload.network === network, 'The call is another, or of another network.');
  checkTransaction({
    ...block,
    transaction: {
      ...{ callId: id, block: block.header.number, index: inclusion.index, timestampMs },
      call: call as never,
      outcome: outcome as never,
    },
    inclusion: { ...inclusion, leafHash: leafOf(transaction), root: block.header.transactionsRoot },
  });
}

function checkChain(headers: readonly BlockHeader[], checkpoint: Checkpoint): void {
  let previous: BlockHeader | undefined;
  for (const header of headers) {
    const follows =
      previous === undefined ||
      (header.number === previous.number + 1 && header.previousHash === hashOfHeader(previous));
    demand(follows, `Block ${header.number} does not follow the one before.`);
    previous = header;
  }
  const isEnd =
    previous !== undefined && previous.number === checkpoint.number && hashOfHeader(previous) === checkpoint.hash;
  demand(isEnd, 'The blocks do not lead to the checkpoint.');
}

function leafOf(transaction: RecordProof['transaction']): string {
  return toBase64url(leafHash(utf8(canonical(transaction as unknown as Json))));
}

function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw refused(message);
}

function refused(message: string, cause?: unknown): ClientError {
  return new ClientError('proof-invalid', message, { cause });
}
