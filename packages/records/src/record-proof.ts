import {
  canonical,
  fromBase64url,
  fromUtf8,
  inclusionProof,
  type Json,
  leafHash,
  toBase64url,
  utf8,
} from '@salus/crypto';
import type { Block, BlockHeader, Ledger } from '@salus/ledger';
import { findRecordRoot, RECORD_PROOF_VERSION, type RecordProof } from '@salus/ledger/proof';
import { RecordsError } from './records-error.ts';
import type { CiphertextReader, RecordRows, StoredRecord } from './vault-types.ts';

/** Headers between the record's block and the checkpoint; a longer way is followed on the ledger. */
export const PROOF_HEADERS_MAX = 256;

type Parts = { readonly ledger: Ledger; readonly rows: RecordRows; readonly ciphertext: CiphertextReader };

/** A proof as the node can give it without opening the record: its owner's device puts the text in. */
export interface SealedProof extends Omit<RecordProof, 'record'> {
  readonly record: Omit<RecordProof['record'], 'plaintext'>;
}

/**
 * The proof of a version that the caller may see; who calls this has decided and logged that. `distrusted` state proves
 * nothing and throws `corrupt`.
 */
export async function proveRecord(parts: Parts, record: StoredRecord): Promise<RecordProof> {
  const [plaintext, sealed] = await Promise.all([parts.ciphertext.readPlaintext(record), proveSealed(parts, record)]);
  return { ...sealed, record: { ...sealed.record, plaintext: fromUtf8(plaintext) } };
}

/** As `proveRecord`, for whoever opens the record elsewhere: nothing is decrypted. */
export async function proveSealed(
  { ledger, rows }: Pick<Parts, 'ledger' | 'rows'>,
  record: StoredRecord,
): Promise<SealedProof> {
  const { recordId, version, keyId, ciphertextHash, contentHash, batchId, callId, leafIndex, meta } = record;
  const [leaves, proof, view] = await Promise.all([
    rows.listLeaves(keyId, batchId),
    rows.inclusionProof(record),
    ledger.transaction(callId),
  ]);
  if (view === undefined || view.outcome.kind !== 'committed') {
    throw new RecordsError('corrupt', 'the ledger does not hold the call that committed the record');
  }
  const block = await readBlock(ledger, view.block);
  const { call, outcome, timestampMs } = view;
  return {
    version: RECORD_PROOF_VERSION,
    network: ledger.network,
    resource: `${meta.type}/${meta.id}/_history/${version}`,
    record: { recordId, version, keyId, ciphertextHash, contentHash, salt: meta.salt },
    batch: { callId, index: leafIndex, count: leaves.length, root: rootIn(outcome.writes, keyId, callId), proof },
    transaction: { call, outcome, timestampMs },
    inclusion: inclusionIn(block, view.index),
    block: { header: block.header, hash: block.hash, signature: block.signature },
    ...(await chainTo(ledger, view.block)),
  };
}

function rootIn(writes: Parameters<typeof findRecordRoot>[0], keyId: string, callId: string): string {
  const found = findRecordRoot(writes, { keyId, callId });
  if (found === undefined) {
    throw new RecordsError('corrupt', 'the call that committed the record wrote no root of its key');
  }
  return found.root;
}

function inclusionIn(block: Block, index: number): RecordProof['inclusion'] {
  const leaves = block.transactions.map(({ call, outcome, timestampMs }) =>
    outcome.kind === 'distrusted'
      ? fromBase64url(outcome.leafHash)
      : leafHash(utf8(canonical({ call, outcome, timestampMs } as unknown as Json))),
  );
  return { index, size: leaves.length, proof: inclusionProof(leaves, index).map(toBase64url) };
}

async function chainTo(ledger: Ledger, number: number): Promise<Pick<RecordProof, 'headers' | 'checkpoint'>> {
  const checkpoint = await ledger.checkpoint();
  if (checkpoint.number - number > PROOF_HEADERS_MAX) return { headers: null, checkpoint };
  const headers: BlockHeader[] = [];
  for (let next = number + 1; next <= checkpoint.number; next += 1)
    headers.push((await readBlock(ledger, next)).header);
  return { headers, checkpoint };
}

async function readBlock(ledger: Ledger, number: number): Promise<Block> {
  const block = await ledger.block(number);
  if (block === undefined) throw new RecordsError('corrupt', 'the ledger lacks a block below its height');
  return block;
}
