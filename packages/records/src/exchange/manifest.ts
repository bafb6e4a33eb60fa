import { RECORDS_PAGE_MAX } from '../record-rows.ts';
import { RecordsError } from '../records-error.ts';
import type { KeyRing, Owner, PairOpening, RecordRows, StoredRecord } from '../vault-types.ts';
import type { ManifestLeaf, ManifestPage, ManifestTree } from './exchange-peer.ts';
import { MANIFEST_LEAVES_MAX } from './exchange-peer.ts';
import type { PairIndex } from './release-rules.ts';

/** Epochs and pairs that one manifest walks; an owner's epoch rises with every revocation. */
export const MANIFEST_KEYS_MAX = 100_000;

export interface ManifestScope {
  readonly owner: Owner;
  /** Pairs that are shown, whether their records are released or not. */
  readonly pairs: readonly PairIndex[];
  /** Decides about one record of these pairs. */
  releases(record: StoredRecord, pair: PairIndex): boolean;
}

export interface ManifestParts {
  readonly keyRing: Pick<KeyRing, 'listEpochs' | 'openPairs'>;
  readonly rows: Pick<RecordRows, 'listTrees' | 'listLeaves' | 'listRecords'>;
}

/** One page of what completeness rests on (DESIGN §5); `shown` are the records whose facts it names. */
export async function buildManifestPage(
  parts: ManifestParts,
  scope: ManifestScope,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<{ readonly page: ManifestPage; readonly shown: readonly StoredRecord[] }> {
  if (!Number.isInteger(limit) || limit < 1 || limit > MANIFEST_LEAVES_MAX) {
    throw new RecordsError('bad-input', `a page of a manifest has 1 to ${MANIFEST_LEAVES_MAX} leaves`);
  }
  const openings = await openAllPairs(parts, scope);
  const trees: ManifestTree[] = [];
  const shown: StoredRecord[] = [];
  let leafCount = 0;
  let passed = after === null;
  let next: string | null = null;
  walk: for (const { keyId, pair } of openings) {
    // Keys before the cursor's need no look at their records.
    if (!passed && after?.startsWith(`${keyId}/`) !== true) continue;
    const stored = await parts.rows.listTrees(keyId);
    const current = stored.length === 0 ? new Map() : await readCurrent(parts, keyId);
    for (const { batchId, callId } of stored) {
      const cursor = `${keyId}/${callId}`;
      if (!passed) {
        passed = cursor === after;
        continue;
      }
      if (leafCount >= limit) break walk;
      const leaves = (await parts.rows.listLeaves(keyId, batchId)).map(({ leafHash }): ManifestLeaf => {
        const record = current.get(leafHash);
        if (record === undefined || !scope.releases(record, pair)) return { leafHash };
        shown.push(record);
        return { leafHash, record: factsOf(record) };
      });
      trees.push({ keyId, callId, leaves });
      leafCount += leaves.length;
      next = cursor;
    }
  }
  if (!passed) throw new RecordsError('bad-input', 'the cursor is not of this manifest');
  const isLast = leafCount < limit;
  return { page: { pairs: after === null ? openings : [], trees, next: isLast ? null : next }, shown };
}

async function openAllPairs({ keyRing }: ManifestParts, scope: ManifestScope): Promise<readonly PairOpening[]> {
  const openings: PairOpening[] = [];
  for (const epoch of await keyRing.listEpochs(scope.owner)) {
    openings.push(...(await keyRing.openPairs(scope.owner, epoch, scope.pairs)));
    if (openings.length > MANIFEST_KEYS_MAX) throw new RecordsError('too-large', 'the manifest has too many keys');
  }
  return openings;
}

/** Current records of one key by leaf hash. */
async function readCurrent({ rows }: ManifestParts, keyId: string): Promise<Map<string, StoredRecord>> {
  const current = new Map<string, StoredRecord>();
  for (let after: string | undefined; ; ) {
    const page = await rows.listRecords(keyId, { limit: RECORDS_PAGE_MAX, ...(after === undefined ? {} : { after }) });
    for (const record of page) current.set(record.leafHash, record);
    after = page.at(-1)?.recordId;
    if (page.length < RECORDS_PAGE_MAX) return current;
  }
}

function factsOf({ recordId, version, ciphertextHash, contentHash, meta }: StoredRecord) {
  const { type, dataFromMs, dataToMs } = meta;
  return { recordId, version, ciphertextHash, contentHash, type, dataFromMs, dataToMs };
}
