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
 * `transactions` stand in the order of the block, undefined for those that are not valid. Undefined where a transaction writes
 * the metadata of a key without its value: the value would have to be read from a namespace that is not followed.
 */
export function updateBytes(
  block: number,
  transactions: readonly (BlockTransaction | undefined)[],
): Uint8Array | undefined {
  const namespaces = new Map<string, Map<string, Updates>>();
  for (const [at, transaction] of transactions.entries()) {
    if (transaction?.kind !== 'endorser') continue;
    if (transaction.writeSets.some(writesMetadata)) return undefined;
    const version = Buffer.concat([orderPreserving(block), orderPreserving(at)]);
    for (const set of transaction.writeSets) note(namespaces, set, version);
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

function writesMetadata({ metadataKeys, collections }: NamespaceWrites): boolean {
  return metadataKeys.length > 0 || collections.some(({ metadataWrites }) => metadataWrites > 0);
}

/** The public keys of a namespace stand under the empty collection, which sorts first. */
function note(namespaces: Map<string, Map<string, Updates>>, set: NamespaceWrites, version: Uint8Array): void {
  const collections = entry(namespaces, set.namespace, () => new Map<string, Updates>());
  if (set.writes.length > 0) {
    const updates = entry(collections, '', () => new Map<string, Update>());
    for (const { key, value } of set.writes) updates.set(Buffer.from(key).toString('hex'), { value, version });
  }
  for (const { collection, writes } of set.collections) {
    const updates = entry(collections, collection, () => new Map<string, Update>());
    for (const { keyHash, valueHash } of writes) {
      updates.set(Buffer.from(keyHash).toString('hex'), { value: valueHash, version });
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
