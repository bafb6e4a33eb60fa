import {
  type Bytes,
  fromBase64url,
  hashTuple,
  hmacSha256,
  inclusionProof,
  leafHash,
  merkleRoot,
  randomBytes,
  toBase64url,
  utf8,
} from '@salus/crypto';
import { CATEGORY_TABLE_VERSION, PAIRS } from '@salus/fhir';
import { RecordsError } from './records-error.ts';
import type { Owner, PairOpening } from './vault-types.ts';

const SEED_BYTES = 32;
const KEY_ID_BYTES = 16;

/**
 * The key ids and the completeness tree of one owner and epoch (DESIGN §5). Everything derives from one secret seed:
 * for whoever lacks it the ids are random, and one pair's opening says nothing about another's.
 */
export interface EpochTable {
  readonly owner: Owner;
  readonly epoch: number;
  /** `CATEGORY_TABLE_VERSION` when it was drawn. */
  readonly version: number;
  readonly seed: Uint8Array;
  /** Pairs that the version had. */
  readonly size: number;
  readonly root: string;
}

export function drawEpochTable(owner: Owner, epoch: number): EpochTable {
  const seed = randomBytes(SEED_BYTES);
  const root = toBase64url(merkleRoot(leavesOf(seed, PAIRS.length)));
  return { owner, epoch, version: CATEGORY_TABLE_VERSION, seed, size: PAIRS.length, root };
}

/** The random-looking name of a pair's key in this epoch. */
export function keyIdOf(table: Pick<EpochTable, 'seed'>, pair: number): string {
  return toBase64url(hmacSha256(table.seed, utf8(`key-id/${pair}`)).subarray(0, KEY_ID_BYTES));
}

/** What shows a receiver that these key ids are the pairs'. A pair outside the table throws `bad-input`. */
export function openPairs(table: EpochTable, pairs: readonly number[]): readonly PairOpening[] {
  const leaves = leavesOf(table.seed, table.size);
  return pairs.map((pair) => {
    const named = pairOf(pair);
    if (pair >= table.size) throw new RecordsError('bad-input', 'no such pair in this table');
    return {
      owner: table.owner,
      epoch: table.epoch,
      pair,
      category: named.category,
      labelClass: named.labelClass,
      keyId: keyIdOf(table, pair),
      salt: saltOf(table.seed, pair),
      size: table.size,
      root: table.root,
      proof: inclusionProof(leaves, pair).map(toBase64url),
    };
  });
}

/** Category and label class of a pair; another number throws `bad-input`. */
export function pairOf(pair: number): (typeof PAIRS)[number] {
  const named = PAIRS[pair];
  if (named === undefined) throw new RecordsError('bad-input', 'no such pair');
  return named;
}

/** Hash of one pair in the completeness tree, before RFC 6962's leaf prefix. */
export function pairHash(opening: Pick<PairOpening, 'salt' | 'category' | 'labelClass' | 'keyId'>): string {
  return hashTuple('pair', opening.salt, opening.category, opening.labelClass, opening.keyId);
}

function leavesOf(seed: Uint8Array, size: number): readonly Bytes[] {
  return PAIRS.slice(0, size).map(({ category, labelClass }, pair) =>
    leafHash(
      fromBase64url(pairHash({ salt: saltOf(seed, pair), category, labelClass, keyId: keyIdOf({ seed }, pair) })),
    ),
  );
}

function saltOf(seed: Uint8Array, pair: number): string {
  return toBase64url(hmacSha256(seed, utf8(`salt/${pair}`)));
}
