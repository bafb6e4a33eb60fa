import { fromBase64url, hashTuple, leafHash, verifyInclusion } from '@salus/crypto';

/** What a record's leaf commits to. Binary is base64url. */
export interface LeafFacts {
  readonly recordId: string;
  readonly version: number;
  readonly keyId: string;
  readonly ciphertextHash: string;
  readonly contentHash: string;
}

/** The leaf that the ledger commits to (DESIGN §5). */
export function leafOfRecord({ recordId, version, keyId, ciphertextHash, contentHash }: LeafFacts): string {
  return hashTuple('leaf', recordId, version, keyId, ciphertextHash, contentHash);
}

/** Whether a batch's tree has the record's leaf at this place (RFC 6962). */
export function isInBatch(
  record: LeafFacts,
  batch: {
    readonly index: number;
    readonly count: number;
    readonly proof: readonly string[];
    readonly root: string;
  },
): boolean {
  return verifyInclusion({
    leafHash: leafHash(fromBase64url(leafOfRecord(record))),
    index: batch.index,
    size: batch.count,
    proof: batch.proof.map(fromBase64url),
    root: fromBase64url(batch.root),
  });
}
