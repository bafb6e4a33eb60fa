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
import type { Block, BlockHeader, Checkpoint, Ledger, TransactionView } from '@salus/ledger';
import { RecordsError } from './records-error.ts';
import type { CiphertextReader, RecordRows, StoredRecord } from './vault-types.ts';

export const RECORD_PROOF_VERSION = 'salus:record-proof:v1';
/** Headers between the record's block and the checkpoint; a longer way is followed on the ledger. */
export const PROOF_HEADERS_MAX = 256;

/**
 * What a stranger needs to verify one version of one record, with nothing but SHA-256, P-256 and a checkpoint from a
 * source of their own (docs/record-proof.md). Binary is base64url.
 */
export interface RecordProof {
  readonly version: typeof RECORD_PROOF_VERSION;
  readonly network: string;
  /** `<type>/<id>/_history/<version>`. */
  readonly resource: string;
  readonly record: {
    readonly recordId: string;
    readonly version: number;
    readonly keyId: string;
    readonly ciphertextHash: string;
    /** SHA-256(salt ‖ plaintext). */
    readonly contentHash: string;
    readonly salt: string;
    /** The text whose UTF-8 was hashed; large attachments stand in it as references with their own hash. */
    readonly plaintext: string;
  };
  /** The record's leaf in the tree of its batch. */
  readonly batch: {
    readonly callId: string;
    readonly index: number;
    readonly count: number;
    readonly root: string;
    readonly proof: readonly string[];
  };
  /** The committing transaction: its leaf is RFC 6962 over the canonical form of exactly these members. */
  readonly transaction: Pick<TransactionView, 'call' | 'outcome' | 'timestampMs'>;
  readonly inclusion: { readonly index: number; readonly size: number; readonly proof: readonly string[] };
  readonly block: Pick<Block, 'header' | 'hash' | 'signature'>;
  /** From the next block to the checkpoint's, each pointing to the one before; null where there are too many. */
  readonly headers: readonly BlockHeader[] | null;
  readonly checkpoint: Checkpoint;
}

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

function rootIn(writes: readonly (readonly [string, Json | null])[], keyId: string, callId: string): string {
  const fact = writes.find(([key]) => key === `record/root/${keyId}/${callId}`)?.[1] as {
    readonly root?: string;
  } | null;
  if (typeof fact?.root !== 'string') {
    throw new RecordsError('corrupt', 'the call that committed the record wrote no root of its key');
  }
  return fact.root;
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
