/** record/key/<keyId>: a data key's random name, for one owner and one epoch. */
export type KeyFact = { readonly owner: string; readonly epoch: number };

/** record/table/<owner>/<epoch>: the tree over the salted pairs of category, label class and key id of one epoch. */
export type TableFact = { readonly root: string; readonly size: number; readonly version: number };

/** record/root/<keyId>/<callId>: one batch, `count` leaves under `root`. */
export type BatchFact = { readonly owner: string; readonly count: number; readonly root: string };

export type LeafStatus = 'superseded' | 'tombstoned' | 'erased';

/**
 * leaf/<keyId>/<leafHash>: absent while the version stands; `call` is the one that ended it. `successor` commits to the version
 * that stands in the right patient's record (record.move).
 */
export type LeafFact = { readonly status: LeafStatus; readonly call: string; readonly successor?: string };

/** A version by the key that it was committed under and its leaf. */
export type EndedLeaf = { readonly keyId: string; readonly leafHash: string };

/** record/erasure/<callId of the proposal>: an erasure that a second organisation must approve. */
export type ErasureFact = {
  readonly owner: string;
  readonly reason: string;
  readonly leaves: readonly EndedLeaf[];
  readonly organisation: string;
  readonly proposer: string;
  readonly proposedMs: number;
  readonly status: 'open' | 'approved';
  readonly approvedBy?: { readonly organisation: string; readonly id: string; readonly ms: number };
};

const EPOCH_DIGITS = 8;
export const EPOCH_MAX = 10 ** EPOCH_DIGITS - 1;

export const keyKey = (keyId: string): string => `record/key/${keyId}`;
/** The epoch is padded, so that byte order is the order of epochs. */
export const tableKey = (owner: string, epoch: number): string =>
  `record/table/${owner}/${String(epoch).padStart(EPOCH_DIGITS, '0')}`;
export const batchKey = (keyId: string, callId: string): string => `record/root/${keyId}/${callId}`;
/**
 * The key id is part of it: whoever knows a leaf can commit a copy of it in a batch of their own, and must not end the original
 * with it.
 */
export const leafKey = (keyId: string, leafHash: string): string => `leaf/${keyId}/${leafHash}`;
export const LEAF_PREFIX = 'leaf/';
/** The version whose state a key holds; undefined for another key. */
export function findEndedLeaf(key: string): EndedLeaf | undefined {
  const [prefix, keyId, leafHash] = key.split('/');
  return prefix === 'leaf' && keyId !== undefined && leafHash !== undefined ? { keyId, leafHash } : undefined;
}
export const erasureKey = (callId: string): string => `record/erasure/${callId}`;
