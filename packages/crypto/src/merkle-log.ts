import type { Bytes } from './bytes.ts';
import { CryptoError } from './crypto-error.ts';
import { SHA256_BYTES } from './hash.ts';
import { consistencyPath, emptyRoot, inclusionPath, type NodeSource, nodeHash, rangeHash } from './merkle.ts';

/** A perfect subtree that an append completed: persist it where proofs are to be made later. */
export type MerkleNode = { readonly level: number; readonly index: number; readonly hash: Bytes };

export type MerkleLogState = {
  readonly size: number;
  /** Hashes of the perfect subtrees that make up the tree, largest first: one per bit set in `size`. */
  readonly frontier: readonly Uint8Array[];
};

export type MerkleLogOptions = Partial<MerkleLogState> & {
  /** Where completed nodes can be read again, for proofs of a log that was restored from its frontier. */
  readonly nodeAt?: NodeSource;
  /** Keep every node in memory (64 bytes a leaf) and make proofs from there; only for a log that starts empty. */
  readonly keepNodes?: boolean;
};

/**
 * An append-only tree of RFC 6962 that keeps log2(n) hashes: append is O(1) amortised, root O(log n).
 * Proofs need `nodeAt` or `keepNodes`, else they throw `bad-argument`.
 */
export class MerkleLog {
  #size: number;
  #frontier: Bytes[];
  readonly #nodeAt: NodeSource | undefined;
  readonly #kept: KeptNodes | undefined;

  constructor(options: MerkleLogOptions = {}) {
    const size = options.size ?? 0;
    const frontier = options.frontier ?? [];
    const wellFormed =
      Number.isSafeInteger(size) &&
      size >= 0 &&
      frontier.length === countBits(size) &&
      frontier.every((hash) => hash.length === SHA256_BYTES);
    if (!wellFormed) throw new CryptoError('bad-argument', 'the frontier does not fit the size of the log');
    if (options.keepNodes === true && size > 0) {
      throw new CryptoError('bad-argument', 'a log that keeps its nodes starts empty');
    }
    this.#size = size;
    this.#frontier = frontier.map((hash) => new Uint8Array(hash));
    this.#kept = options.keepNodes === true ? new KeptNodes() : undefined;
    const kept = this.#kept;
    this.#nodeAt = options.nodeAt ?? (kept === undefined ? undefined : (level, index) => kept.read(level, index));
  }

  get size(): number {
    return this.#size;
  }

  /** What to store, to go on from here later. */
  get state(): MerkleLogState {
    return { size: this.#size, frontier: this.#frontier.map((hash) => hash.slice()) };
  }

  /** Appends one leaf hash; returns the nodes that it completed, the leaf first. */
  append(leafHash: Uint8Array): readonly MerkleNode[] {
    if (leafHash.length !== SHA256_BYTES) throw new CryptoError('bad-argument', 'a leaf hash has 32 bytes');
    let hash: Bytes = new Uint8Array(leafHash);
    let index = this.#size;
    const completed: MerkleNode[] = [{ level: 0, index, hash }];
    for (let level = 1; index % 2 === 1; level += 1) {
      const left = this.#frontier.pop();
      if (left === undefined) throw new Error('broken invariant: a frontier has one hash for each bit of the size');
      hash = nodeHash(left, hash);
      index = (index - 1) / 2;
      completed.push({ level, index, hash });
    }
    this.#frontier.push(hash);
    this.#size += 1;
    this.#kept?.add(completed);
    return completed;
  }

  /** The root of all leaves so far. */
  root(): Bytes {
    const hashes = [...this.#frontier];
    let root = hashes.pop();
    for (let left = hashes.pop(); left !== undefined && root !== undefined; left = hashes.pop()) {
      root = nodeHash(left, root);
    }
    return root ?? emptyRoot;
  }

  /** The root when the log had `size` leaves. */
  rootAt(size: number): Bytes {
    return rangeHash(this.#source(), 0, this.#requireSize(size));
  }

  /** PATH(index) in the tree of the first `size` leaves (all, unless told). */
  inclusionProof(index: number, size: number = this.#size): readonly Bytes[] {
    return inclusionPath(this.#source(), index, this.#requireSize(size));
  }

  /** PROOF(size1) in the tree of the first `size2` leaves (all, unless told). */
  consistencyProof(size1: number, size2: number = this.#size): readonly Bytes[] {
    return consistencyPath(this.#source(), size1, this.#requireSize(size2));
  }

  #source(): NodeSource {
    if (this.#nodeAt === undefined) throw new CryptoError('bad-argument', 'this log has no source of nodes');
    return this.#nodeAt;
  }

  #requireSize(size: number): number {
    if (!Number.isSafeInteger(size) || size < 0 || size > this.#size) {
      throw new CryptoError('bad-argument', 'the log never had that size');
    }
    return size;
  }
}

const KEPT_START = 64;

/** All nodes, a growing array of hashes for each level: a Uint8Array per node would cost five times the memory. */
class KeptNodes {
  readonly #levels: Uint8Array[] = [];

  add(nodes: readonly MerkleNode[]): void {
    for (const { level, index, hash } of nodes) {
      const at = index * SHA256_BYTES;
      let hashes = this.#levels[level] ?? new Uint8Array(KEPT_START * SHA256_BYTES);
      if (at >= hashes.length) {
        const larger = new Uint8Array(2 * hashes.length);
        larger.set(hashes);
        hashes = larger;
      }
      hashes.set(hash, at);
      this.#levels[level] = hashes;
    }
  }

  read(level: number, index: number): Uint8Array {
    const hashes = this.#levels[level];
    if (hashes === undefined) throw new CryptoError('bad-argument', 'the tree has no such node');
    return hashes.subarray(index * SHA256_BYTES, (index + 1) * SHA256_BYTES);
  }
}

function countBits(size: number): number {
  let bits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
}
