import type { WriteText } from '@salus/ledger/store';
import type { EndorserTransaction } from '../block/transaction.ts';
import type { NamespaceWrites, PublicWrite } from '../block/write-set.ts';

/** What a transaction did to the chaincode's namespace. */
export type NamespaceFacts = {
  readonly writes: readonly PublicWrite[];
  /** Metadata of keys, or collections, which our contracts never write. */
  readonly writesMore: boolean;
  /** Another chaincode was invoked. */
  readonly isForeign: boolean;
};

/** Undefined when the namespace was left alone and our chaincode not invoked. */
export function findNamespaceFacts(transaction: EndorserTransaction, chaincode: string): NamespaceFacts | undefined {
  const sets = transaction.writeSets.filter(({ namespace }) => namespace === chaincode);
  if (sets.length === 0) return undefined;
  return {
    writes: sets.flatMap(({ writes }) => writes),
    writesMore: sets.some(writesMore),
    isForeign: transaction.chaincode !== chaincode,
  };
}

function writesMore({ metadataKeys, collections }: NamespaceWrites): boolean {
  return metadataKeys.length + collections.length > 0;
}

/** How the writes of a transaction differ from those of its calls; undefined when they are the same to the byte. */
export function findWritesFault(
  { writes, writesMore }: NamespaceFacts,
  expected: ReadonlyMap<string, { readonly text: string | null }>,
): string | undefined {
  if (writesMore) return 'it writes metadata of keys or collections';
  if (writes.length !== expected.size) return `it writes ${writes.length} keys, and its calls ${expected.size}`;
  for (const { key, value } of writes) {
    const text = expected.get(key)?.text;
    if (text === undefined) return 'it writes a key that its calls do not';
    const isSame = text === null ? value === undefined : value !== undefined && Buffer.from(text).equals(value);
    if (!isSame) return 'it writes another value than its calls';
  }
  return undefined;
}

/** Writes as they enter the state, whoever made them. */
export function writeTextsOf(writes: readonly PublicWrite[]): readonly WriteText[] {
  return writes.map(({ key, value }) => [key, value === undefined ? null : Buffer.from(value).toString('utf8')]);
}
