import { demandUnique, PROOF_MAX, parseFields, parseHash, parseId, parseInteger, parseList } from '../args.ts';
import type { Context } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { type BatchFact, batchKey, type EndedLeaf, type LeafFact, type LeafStatus, leafKey } from './record-facts.ts';

/** Leaves that one call may end. */
export const LEAVES_MAX = 1000;
/** Leaves of one batch; a bound of the number, not of the proof, which is log2 of it. */
export const BATCH_LEAVES_MAX = 1_000_000;

/** A committed record version: its Merkle leaf hash (RFC 6962 §2.1) and where its batch proves it. */
export type LeafReference = {
  readonly leafHash: string;
  readonly keyId: string;
  /** Id of the call that committed the batch. */
  readonly batch: string;
  readonly index: number;
  readonly proof: readonly string[];
};

/** 1 to `LEAVES_MAX` leaves, none twice. */
export function parseLeaves(value: Json | undefined, name: string): readonly LeafReference[] {
  const leaves = parseList(value, name, { min: 1, max: LEAVES_MAX }, parseLeaf);
  demandUnique(leaves, name, (leaf) => leaf.leafHash);
  return leaves;
}

/**
 * The owner (`pid:…` or `org:…`) of a leaf that the ledger holds: `batch-unknown` without its batch, `inclusion-invalid`
 * unless the proof leads to that batch's root.
 */
export async function readLeafOwner(context: Context, leaf: LeafReference): Promise<string> {
  const batch = await context.get<BatchFact>(batchKey(leaf.keyId, leaf.batch));
  if (batch === undefined) throw new ContractError('batch-unknown');
  const { leafHash, index, proof } = leaf;
  const included = context.pure.verifyInclusion({ leafHash, index, proof, size: batch.count, root: batch.root });
  demand(included, 'inclusion-invalid');
  return batch.owner;
}

/**
 * Ends a version. Only absent → any and superseded | tombstoned → erased are allowed, so that of two corrections of one
 * version the second finds the key written and is refused: `leaf-ended`. What is moved (`successor`) goes with the versions
 * that it superseded: they stand in the wrong record, too.
 */
export async function endLeaf(
  context: Context,
  { keyId, leafHash }: EndedLeaf,
  status: LeafStatus,
  successor?: string,
): Promise<void> {
  const key = leafKey(keyId, leafHash);
  const before = await context.get<LeafFact>(key);
  const isMoved = successor !== undefined && before?.status === 'superseded';
  const allowed = before === undefined || isMoved || (status === 'erased' && before.status !== 'erased');
  demand(allowed, 'leaf-ended');
  const fact: LeafFact = { status, call: context.txId, ...(successor === undefined ? {} : { successor }) };
  context.put(key, fact);
}

function parseLeaf(value: Json, name: string): LeafReference {
  const fields = parseFields(value, name, ['leafHash', 'keyId', 'batch', 'index', 'proof']);
  return {
    leafHash: parseHash(fields.leafHash, `${name}.leafHash`),
    keyId: parseId(fields.keyId, `${name}.keyId`),
    batch: parseHash(fields.batch, `${name}.batch`),
    index: parseInteger(fields.index, `${name}.index`, { max: BATCH_LEAVES_MAX - 1 }),
    proof: parseList(fields.proof, `${name}.proof`, { max: PROOF_MAX }, parseHash),
  };
}
