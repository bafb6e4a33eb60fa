import { type Bytes, equalBytes, findBase64url } from './bytes.ts';
import { CryptoError } from './crypto-error.ts';
import { SHA256_BYTES, sha256 } from './hash.ts';

/** A node's or leaf's hash: 32 bytes, or their base64url where a verifier takes values from JSON. */
export type MerkleHash = Uint8Array | string;

/** Sizes up to 2^64 − 1 are possible in RFC 6962: beyond 2^53 they are given as bigint. */
export type TreeSize = number | bigint;

/** The hash of the perfect subtree of 2^level leaves that starts at leaf index · 2^level. */
export type NodeSource = (level: number, index: number) => Uint8Array;

/** No tree within 64-bit sizes needs a longer proof (RFC 9162 §2.1.4). */
export const PROOF_LENGTH_MAX = 128;

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;

/** MTH of no leaves: SHA-256 of nothing (RFC 6962 §2.1). */
export const emptyRoot: Bytes = sha256(new Uint8Array(0));

/** SHA-256(0x00 ‖ data) (RFC 6962 §2.1). */
export function leafHash(data: Uint8Array): Bytes {
  const input = new Uint8Array(1 + data.length);
  input[0] = LEAF_PREFIX;
  input.set(data, 1);
  return sha256(input);
}

const nodeInput = new Uint8Array(1 + 2 * SHA256_BYTES);
nodeInput[0] = NODE_PREFIX;

/** SHA-256(0x01 ‖ left ‖ right) (RFC 6962 §2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  if (left.length !== SHA256_BYTES || right.length !== SHA256_BYTES) {
    throw new CryptoError('bad-argument', 'a node joins two hashes of 32 bytes');
  }
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + SHA256_BYTES);
  return sha256(nodeInput);
}

/** Root of a tree whose leaves were already hashed (RFC 6962 §2.1). */
export function merkleRoot(leafHashes: readonly Uint8Array[]): Bytes {
  return rangeHash(nodesOf(leafHashes), 0, leafHashes.length);
}

/** PATH(index, D) (RFC 6962 §2.1.1), lowest sibling first. `index` outside the tree throws `bad-argument`. */
export function inclusionProof(leafHashes: readonly Uint8Array[], index: number): readonly Bytes[] {
  return inclusionPath(nodesOf(leafHashes), index, leafHashes.length);
}

/** PROOF(size1, D[0:size2]) (RFC 6962 §2.1.2). Needs 1 ≤ size1 ≤ size2 ≤ leaves, else `bad-argument`. */
export function consistencyProof(leafHashes: readonly Uint8Array[], size1: number, size2: number): readonly Bytes[] {
  if (size2 > leafHashes.length) throw new CryptoError('bad-argument', 'the tree is smaller than size2');
  return consistencyPath(nodesOf(leafHashes), size1, size2);
}

export type Inclusion = {
  readonly leafHash: MerkleHash;
  readonly index: TreeSize;
  readonly size: TreeSize;
  readonly proof: readonly MerkleHash[];
  readonly root: MerkleHash;
};

/** Verifies an inclusion proof (RFC 9162 §2.1.3.2). False for anything malformed; never throws. */
export function verifyInclusion(inclusion: Inclusion): boolean {
  const index = findSize(inclusion.index);
  const size = findSize(inclusion.size);
  const leaf = findHash(inclusion.leafHash);
  const root = findHash(inclusion.root);
  const proof = findProof(inclusion.proof);
  if (index === undefined || size === undefined || index >= size) return false;
  if (leaf === undefined || root === undefined || proof === undefined) return false;
  let node = index;
  let last = size - 1n;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0n) return false;
    if ((node & 1n) === 1n || node === last) {
      hash = nodeHash(sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equalBytes(hash, root);
}

export type Consistency = {
  readonly size1: TreeSize;
  readonly size2: TreeSize;
  readonly root1: MerkleHash;
  readonly root2: MerkleHash;
  readonly proof: readonly MerkleHash[];
};

/**
 * Verifies a consistency proof (RFC 9162 §2.1.4.2). Equal sizes need equal roots and an empty proof; an empty `size1`
 * is refused, for every tree continues the empty one. Never throws.
 */
export function verifyConsistency(consistency: Consistency): boolean {
  const size1 = findSize(consistency.size1);
  const size2 = findSize(consistency.size2);
  const root1 = findHash(consistency.root1);
  const root2 = findHash(consistency.root2);
  const proof = findProof(consistency.proof);
  if (size1 === undefined || size2 === undefined || proof === undefined) return false;
  if (root1 === undefined || root2 === undefined || size1 === 0n || size1 > size2) return false;
  if (size1 === size2) return proof.length === 0 && equalBytes(root1, root2);
  return joinsBoth(size1, size2, root1, root2, proof);
}

function joinsBoth(size1: bigint, size2: bigint, root1: Uint8Array, root2: Uint8Array, proof: Uint8Array[]): boolean {
  // A tree of 2^k leaves is a node of the later one: the proof leaves its hash out.
  const path = (size1 & (size1 - 1n)) === 0n ? [root1, ...proof] : proof;
  let node = size1 - 1n;
  let last = size2 - 1n;
  while ((node & 1n) === 1n) {
    node >>= 1n;
    last >>= 1n;
  }
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let hash1 = first;
  let hash2 = first;
  for (const sibling of rest) {
    if (last === 0n) return false;
    if ((node & 1n) === 1n || node === last) {
      hash1 = nodeHash(sibling, hash1);
      hash2 = nodeHash(sibling, hash2);
      while ((node & 1n) === 0n && node !== 0n) {
        node >>= 1n;
        last >>= 1n;
      }
    } else {
      hash2 = nodeHash(hash2, sibling);
    }
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && equalBytes(hash1, root1) && equalBytes(hash2, root2);
}

/** MTH(D[start:end]) from perfect subtrees. */
export function rangeHash(nodeAt: NodeSource, start: number, end: number): Bytes {
  if (start === end) return emptyRoot;
  const size = end - start;
  const half = splitOf(size);
  // A split never cuts a perfect subtree: where a range of 2^k leaves appears it is aligned and one stored node.
  if (size === 1 || 2 * half === size) return new Uint8Array(nodeAt(levelOf(size), start / size));
  const split = start + half;
  return nodeHash(rangeHash(nodeAt, start, split), rangeHash(nodeAt, split, end));
}

/** PATH by RFC 6962 §2.1.1 over stored nodes: O(log n) reads. */
export function inclusionPath(nodeAt: NodeSource, index: number, size: number): readonly Bytes[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) {
    throw new CryptoError('bad-argument', 'the leaf index is outside the tree');
  }
  const path: Bytes[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const split = start + splitOf(end - start);
    if (index < split) {
      path.push(rangeHash(nodeAt, split, end));
      end = split;
    } else {
      path.push(rangeHash(nodeAt, start, split));
      start = split;
    }
  }
  return path.reverse();
}

/** SUBPROOF by RFC 6962 §2.1.2 over stored nodes. */
export function consistencyPath(nodeAt: NodeSource, size1: number, size2: number): readonly Bytes[] {
  if (!Number.isSafeInteger(size1) || !Number.isSafeInteger(size2) || size1 < 1 || size1 > size2) {
    throw new CryptoError('bad-argument', 'a consistency proof needs 1 <= size1 <= size2');
  }
  const path: Bytes[] = [];
  let start = 0;
  let end = size2;
  while (end !== size1) {
    const split = start + splitOf(end - start);
    if (size1 <= split) {
      path.push(rangeHash(nodeAt, split, end));
      end = split;
    } else {
      path.push(rangeHash(nodeAt, start, split));
      start = split;
    }
  }
  if (start !== 0) path.push(rangeHash(nodeAt, start, end));
  return path.reverse();
}

/** The largest power of two smaller than `size` (≥ 2), without the rounding of logarithms. */
function splitOf(size: number): number {
  let split = 1;
  while (2 * split < size) split *= 2;
  return split;
}

function levelOf(powerOfTwo: number): number {
  let level = 0;
  for (let rest = powerOfTwo; rest > 1; rest /= 2) level += 1;
  return level;
}

/** Nodes of a list of leaf hashes, each computed at most once. */
function nodesOf(leafHashes: readonly Uint8Array[]): NodeSource {
  const levels: (readonly Uint8Array[])[] = [leafHashes];
  return (level, index) => {
    while (levels.length <= level) levels.push(parentsOf(levels[levels.length - 1] ?? []));
    const hash = levels[level]?.[index];
    if (hash === undefined) throw new CryptoError('bad-argument', 'the tree has no such node');
    return hash;
  };
}

function parentsOf(hashes: readonly Uint8Array[]): readonly Uint8Array[] {
  const parents: Uint8Array[] = [];
  for (let at = 1; at < hashes.length; at += 2) parents.push(nodeHash(hashes[at - 1]!, hashes[at]!));
  return parents;
}

function findSize(size: TreeSize): bigint | undefined {
  if (typeof size === 'number' && !Number.isSafeInteger(size)) return undefined;
  return size < 0 ? undefined : BigInt(size);
}

function findHash(hash: MerkleHash): Uint8Array | undefined {
  if (typeof hash === 'string') return findBase64url(hash, SHA256_BYTES);
  return hash.length === SHA256_BYTES ? hash : undefined;
}

function findProof(proof: readonly MerkleHash[]): Uint8Array[] | undefined {
  if (proof.length > PROOF_LENGTH_MAX) return undefined;
  const hashes: Uint8Array[] = [];
  for (const entry of proof) {
    const hash = findHash(entry);
    if (hash === undefined) return undefined;
    hashes.push(hash);
  }
  return hashes;
}
