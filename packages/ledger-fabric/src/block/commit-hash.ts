import { hash } from 'node:crypto';
import type { BlockTransaction } from './transaction.ts';
import type { NamespaceWrites } from './write-set.ts';

/** An update of the state as it enters the commit hash. */
type Update = { readonly value: Uint8Array | undefined; readonly version: Uint8Array };
/** Updates by the hex of their key's bytes, whose order is that of the keys. */
type Updates = Map<string, Update>;

/**
 * Fabric's hash over validation codes and updates, chained: kvledger `addBlockCommitHash`. `previous` is empty for block 1, and
 * block 0 has none.
 */
export function commitHashOf(parts: {
  readonly validationCodes: Uint8Array;
  readonly updates: Uint8Array;
  readonly previous: Uint8Array;
}): Uint8Array {
  const { validationCodes, updates, previous } = parts;
  return hash('sha256', Buffer.concat([varint(validationCodes.length), validationCodes, updates, previous]), 'buffer');
}

/**
 * The bytes of a block's updates: txmgr `deterministicBytesForPubAndHashUpdates`. By namespace in byte order its public keys,
 * then its collections, each once, in byte order, with the version of the last valid transaction that wrote it.
 * `transactions` stand in the order of the block, undefined for those that are not valid. Who writes the metadata of a key alone
 * updates it with the value that it has (validation/tx_ops.go `prepareTxOps`). Undefined where that value is in neither this
 * block nor the state that `findCommitted` knows.
 */
export function updateBytes(
  block: number,
  transactions: readonly (BlockTransaction | undefined)[],
  findCommitted: FindCommitted = () => undefined,
): Uint8Array | undefined {
  const namespaces = new Map<string, Map<string, Updates>>();
  for (const [at, transaction] of transactions.entries()) {
    if (transaction?.kind !== 'endorser') continue;
    const version = Buffer.concat([orderPreserving(block), orderPreserving(at)]);
    const kept: KeptValue[] = [];
    for (const set of transaction.writeSets) {
      const values = keptValues(namespaces, set, findCommitted);
      if (values === undefined) return undefined;
      kept.push(...values);
    }
    for (const set of transaction.writeSets) note(namespaces, set, version);
    for (const { namespace, collection, key, value } of kept) {
      const collections = entry(namespaces, namespace, () => new Map<string, Updates>());
      entry(collections, collection, () => new Map<string, Update>()).set(key, { value, version });
    }
  }
  const parts: Uint8Array[] = [];
  for (const [namespace, collections] of sorted(namespaces)) {
    let name = namespace;
    for (const [collection, updates] of sorted(collections)) {
      let within = collection;
      for (const [key, { value, version }] of sorted(updates)) {
        parts.push(field(1, keyValueWrite({ name, within, key, value, version })));
        // Repeated names are left out.
        name = '';
        within = '';
      }
    }
  }
  return Buffer.concat(parts);
}

/** The value of a key before the block: null where there is none, undefined where it is not known. */
export type FindCommitted = (namespace: string, key: string) => Uint8Array | null | undefined;

type KeptValue = {
  readonly namespace: string;
  readonly collection: string;
  readonly key: string;
  readonly value: Uint8Array;
};

/** The values of the keys whose metadata alone a set writes; undefined where one is not known. A key without value stays without. */
function keptValues(
  namespaces: ReadonlyMap<string, ReadonlyMap<string, Updates>>,
  { namespace, writes, metadataKeys, collections }: NamespaceWrites,
  findCommitted: FindCommitted,
): readonly KeptValue[] | undefined {
  const kept: KeptValue[] = [];
  const before = namespaces.get(namespace);
  const written = new Set(writes.map(({ key }) => key));
  for (const name of metadataKeys) {
    if (written.has(name)) continue;
    const key = hexOf(Buffer.from(name));
    const update = before?.get('')?.get(key);
    const value = update === undefined ? findCommitted(namespace, name) : update.value;
    if (value === undefined) return undefined;
    if (value !== null) kept.push({ namespace, collection: '', key, value });
  }
  for (const { collection, writes: hashed, metadataKeyHashes } of collections) {
    const own = new Set(hashed.map(({ keyHash }) => hexOf(keyHash)));
    for (const key of metadataKeyHashes.map(hexOf)) {
      if (own.has(key)) continue;
      const value = before?.get(collection)?.get(key)?.value;
      if (value === undefined) return undefined;
      kept.push({ namespace, collection, key, value });
    }
  }
  return kept;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** The public keys of a namespace stand under the empty collection, which sorts first. */
function note(namespaces: Map<string, Map<string, Updates>>, set: NamespaceWrites, version: Uint8Array): void {
  const collections = entry(namespaces, set.namespace, () => new Map<string, Updates>());
  if (set.writes.length > 0) {
    const updates = entry(collections, '', () => new Map<string, Update>());
    for (const { key, value } of set.writes) updates.set(hexOf(Buffer.from(key)), { value, version });
  }
  for (const { collection, writes } of set.collections) {
    if (writes.length === 0) continue;
    const updates = entry(collections, collection, () => new Map<string, Update>());
    for (const { keyHash, valueHash } of writes) {
      updates.set(hexOf(keyHash), { value: valueHash, version });
    }
  }
}

function entry<T>(map: Map<string, T>, key: string, make: () => T): T {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}

/** Chaincode and collection names are ASCII, as hex is: their order is that of their bytes. */
function sorted<T>(map: ReadonlyMap<string, T>): readonly (readonly [string, T])[] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : 1));
}

/** txmgr.KVWrite: namespace 1, collection 2, key 3, isDelete 4, value 5, version_bytes 6; empty fields are left out. */
function keyValueWrite(write: {
  readonly name: string;
  readonly within: string;
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly version: Uint8Array;
}): Uint8Array {
  return Buffer.concat([
    field(1, Buffer.from(write.name)),
    field(2, Buffer.from(write.within)),
    field(3, Buffer.from(write.key, 'hex')),
    write.value === undefined ? Buffer.of(0x20, 1) : field(5, write.value),
    field(6, write.version),
  ]);
}

/** A length-delimited field; nothing where it is empty, as proto3 writes it. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? bytes : Buffer.concat([Buffer.of(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

/** Length of the shortest big-endian form, then that form (common/ledger/util `EncodeOrderPreservingVarUint64`). */
function orderPreserving(value: number): Uint8Array {
  const hex = value === 0 ? '' : value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
