import { hash } from 'node:crypto';
import { ledger } from '@hyperledger/fabric-protos';

const HASH_OF_NOTHING = hash('sha256', '', 'buffer');

/** A public write; an absent value deletes. */
export type PublicWrite = { readonly key: string; readonly value: Uint8Array | undefined };

/** A write to a collection as the block shows it: hashes alone. */
export type HashedWrite = { readonly keyHash: Uint8Array; readonly valueHash: Uint8Array | undefined };

export type CollectionWrites = {
  readonly collection: string;
  readonly writes: readonly HashedWrite[];
  readonly metadataWrites: number;
};

/** What a transaction writes in one namespace. */
export type NamespaceWrites = {
  readonly namespace: string;
  readonly writes: readonly PublicWrite[];
  /** Keys whose metadata (state-based endorsement) is written. */
  readonly metadataKeys: readonly string[];
  readonly collections: readonly CollectionWrites[];
};

/** The writes of a serialised `TxReadWriteSet`, of namespaces in which there are any. Reads stay undecoded values. */
export function readWriteSets(results: Uint8Array): readonly NamespaceWrites[] {
  return ledger.rwset.TxReadWriteSet.deserializeBinary(results).getNsRwsetList().map(namespaceWrites).filter(hasWrites);
}

export function hasWrites({ writes, metadataKeys, collections }: NamespaceWrites): boolean {
  return writes.length + metadataKeys.length + collections.length > 0;
}

function namespaceWrites(set: ledger.rwset.NsReadWriteSet): NamespaceWrites {
  const kv = ledger.rwset.kvrwset.KVRWSet.deserializeBinary(set.getRwset_asU8());
  return {
    namespace: set.getNamespace(),
    writes: kv.getWritesList().map((write) => ({
      key: write.getKey(),
      value: write.getIsDelete() ? undefined : someBytes(write.getValue_asU8()),
    })),
    metadataKeys: kv.getMetadataWritesList().map((write) => write.getKey()),
    collections: set.getCollectionHashedRwsetList().map(collectionWrites).filter(writesAnything),
  };
}

function collectionWrites(set: ledger.rwset.CollectionHashedReadWriteSet): CollectionWrites {
  const hashed = ledger.rwset.kvrwset.HashedRWSet.deserializeBinary(set.getHashedRwset_asU8());
  return {
    collection: set.getCollectionName(),
    writes: hashed.getHashedWritesList().map((write) => ({
      keyHash: write.getKeyHash_asU8(),
      valueHash: write.getIsDelete() ? undefined : someHash(write.getValueHash_asU8()),
    })),
    metadataWrites: hashed.getMetadataWritesList().length,
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

function writesAnything({ writes, metadataWrites }: CollectionWrites): boolean {
  return writes.length + metadataWrites > 0;
}
