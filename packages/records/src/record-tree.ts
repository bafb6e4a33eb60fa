import { type Bytes, fromBase64url, hashTuple, inclusionProof, leafHash, merkleRoot, toBase64url } from '@salus/crypto';

/** What a record leaf commits to (DESIGN §5). Hashes are base64url. */
export interface LeafFacts {
  readonly recordId: string;
  readonly version: number;
  readonly keyId: string;
  /** SHA-256 of the stored object. */
  readonly ciphertextHash: string;
  /** SHA-256(salt ‖ plaintext). */
  readonly contentHash: string;
}

/**
 * The leaf's hash as `leaf/<leafHash>` and every proof name it: RFC 6962 §2.1 over the 32 bytes of
 * hashTuple('leaf', record id, version, key id, ciphertext hash, content hash), base64url.
 */
export function recordLeafHash(facts: LeafFacts): string {
  const { recordId, version, keyId, ciphertextHash, contentHash } = facts;
  return toBase64url(treeLeaf(hashTuple('leaf', recordId, version, keyId, ciphertextHash, contentHash)));
}

/** A tree's own hash of a leaf that is a hash itself (base64url): RFC 6962 §2.1 over its 32 bytes. */
export function treeLeaf(hash: string): Bytes {
  return leafHash(fromBase64url(hash));
}

/** Root over `recordLeafHash`es in leaf order, base64url. */
export function treeRoot(leafHashes: readonly string[]): string {
  return toBase64url(merkleRoot(leafHashes.map(fromBase64url)));
}

/** Inclusion proof of one leaf, lowest sibling first, base64url. */
export function treeProof(leafHashes: readonly string[], index: number): readonly string[] {
  return inclusionProof(leafHashes.map(fromBase64url), index).map(toBase64url);
}
