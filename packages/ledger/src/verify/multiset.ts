import { hash, randomBytes } from 'node:crypto';

const BUCKETS = 256;
/** 32-bit sums of each bucket: 128 bits. */
const LANES = 4;
const SECRET_BYTES = 16;

/** A secret of one run: whoever prepared a file did not know it, so no other multiset has the same sums but by chance. */
export function newMultisetSecret(): string {
  return randomBytes(SECRET_BYTES).toString('base64url');
}

/**
 * An order-free hash of rows: the sum of their keyed hashes, in buckets. What transactions wrote and what tables hold is
 * compared without holding or sorting either; buckets that differ tell where to look.
 */
export class Multiset {
  readonly sums: Uint32Array;
  readonly #secret: string;

  constructor(secret: string, sums: Uint32Array = new Uint32Array(BUCKETS * LANES)) {
    this.#secret = secret;
    this.sums = sums;
  }

  add(row: string): void {
    const digest = hash('sha256', this.#secret + row, 'binary');
    const at = digest.charCodeAt(0) * LANES;
    for (let lane = 0; lane < LANES; lane += 1) {
      const from = 1 + 4 * lane;
      const word =
        digest.charCodeAt(from) |
        (digest.charCodeAt(from + 1) << 8) |
        (digest.charCodeAt(from + 2) << 16) |
        (digest.charCodeAt(from + 3) << 24);
      // A Uint32Array wraps around by itself.
      this.sums[at + lane] = this.sums[at + lane]! + word;
    }
  }

  merge(sums: Uint32Array): void {
    for (let at = 0; at < sums.length; at += 1) this.sums[at] = this.sums[at]! + sums[at]!;
  }

  bucketOf(row: string): number {
    return hash('sha256', this.#secret + row, 'binary').charCodeAt(0);
  }

  /** Buckets in which the two differ. */
  differences(other: Multiset): ReadonlySet<number> {
    const buckets = new Set<number>();
    this.sums.forEach((sum, at) => {
      if (sum !== other.sums[at]) buckets.add(Math.floor(at / LANES));
    });
    return buckets;
  }
}

/** A version as a row: no key holds a NUL and no canonical value is empty. */
export function versionRow(key: string, position: number, text: string | null): string {
  return `${key}\u0000${position}\u0000${text ?? ''}`;
}

export function refusalRow(callId: string, position: number): string {
  return `${callId}\u0000${position}`;
}
