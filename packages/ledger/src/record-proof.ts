import type { Json } from '@salus/contracts';
import type { Block, BlockHeader } from './block-header.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TransactionView } from './ledger.ts';

export const RECORD_PROOF_VERSION = 'salus:record-proof:v1' as const;

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

/** The root of a batch's leaves under one key, as a call wrote it; undefined where it wrote none of that key. */
export function findRecordRoot(
  writes: readonly (readonly [key: string, value: Json | null])[],
  { keyId, callId }: { readonly keyId: string; readonly callId: string },
): { readonly root: string; readonly count: number } | undefined {
  const fact = writes.find(([key]) => key === `record/root/${keyId}/${callId}`)?.[1];
  const { root, count } = (fact ?? {}) as { readonly root?: Json; readonly count?: Json };
  return typeof root === 'string' && typeof count === 'number' ? { root, count } : undefined;
}
