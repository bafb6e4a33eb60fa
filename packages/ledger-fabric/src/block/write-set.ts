import { hash } from 'node:crypto';
import { GoMessage } from './go-message.ts';

const HASH_OF_NOTHING = hash('sha256', '', 'buffer');

/** A public write; an absent value deletes. */
export type PublicWrite = { readonly key: string; readonly value: Uint8Array | undefined };

/** A write to a collection as the block shows it: hashes alone. */
export type HashedWrite = { readonly keyHash: Uint8Array; readonly valueHash: Uint8Array | undefined };

export type CollectionWrites = {
  readonly collection: string;
  readonly writes: readonly HashedWrite[];
  readonly metadataKeyHashes: readonly Uint8Array[];
};

/** What a transaction writes in one namespace. */
export type NamespaceWrites = {
  readonly namespace: string;
  readonly writes: readonly PublicWrite[];
  /** Keys whose metadata (state-based endorsement) is written. */
  readonly metadataKeys: readonly string[];
  readonly collections: readonly CollectionWrites[];
};

/**
 * The writes of a serialised `TxReadWriteSet` (ledger/rwset/rwset.proto: 2 namespaces), of namespaces in which there are any.
 * Reads stay undecoded. Throws `GoFormError`.
 */
export function readWriteSets(results: Uint8Array): readonly NamespaceWrites[] {
  return new GoMessage(results).messages(2).map(namespaceWrites).filter(hasWrites);
}

export function hasWrites({ writes, metadataKeys, collections }: NamespaceWrites): boolean {
  return writes.length + metadataKeys.length + collections.length > 0;
}

/** NsReadWriteSet: 1 namespace, 2 KVRWSet, 3 collections. KVRWSet: 3 writes, 4 metadata writes. KVWrite: 1 key, 2 is_delete, 3 value. */
function namespaceWrites(set: GoMessage): NamespaceWrites {
  const kv = new GoMessage(set.bytes(2));
  return {
    namespace: set.text(1),
    writes: kv.messages(3).map((write) => ({
      key: write.text(1),
      value: write.bool(2) ? undefined : someBytes(write.bytes(3)),
    })),
    metadataKeys: kv.messages(4).map((write) => write.text(1)),
    collections: set.messages(3).map(collectionWrites).filter(writesAnything),
  };
}

/** CollectionHashedReadWriteSet: 1 name, 2 HashedRWSet. HashedRWSet: 2 writes, 3 metadata writes. KVWriteHash: 1 key, 2 is_delete, 3 value. */
function collectionWrites(set: GoMessage): CollectionWrites {
  const hashed = new GoMessage(set.bytes(2));
  return {
    collection: set.text(1),
    writes: hashed.messages(2).map((write) => ({
      keyHash: write.bytes(1),
      valueHash: write.bool(2) ? undefined : someHash(write.bytes(3)),
    })),
    metadataKeyHashes: hashed.messages(3).map((write) => write.bytes(1)),
  };
}

/** To write nothing is to delete (rwsetutil `IsKVWriteDelete`). */
function someBytes(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === 0 ? undefined : bytes;
}

/** A private value that is empty is deleted, too (rwsetutil `IsKVWriteHashDelete`). */
function someHash(bytes: Uint8Array): Uint8Array | undefined {
  return Buffer.compare(bytes, HASH_OF_NOTHING) === 0 ? undefined : someBytes(bytes);
}

function writesAnything({ writes, metadataKeyHashes }: CollectionWrites): boolean {
  return writes.length + metadataKeyHashes.length > 0;
}
