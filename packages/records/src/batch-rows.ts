import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Json } from '@salus/contracts';
import type { Insertable } from 'kysely';
import type { KeyPlan } from './data-keys.ts';
import type { MasterKey } from './master-key.ts';
import type { OwnerPlans } from './owner-plans.ts';
import { bindToKey, type SealedObject } from './record-object.ts';
import { recordContext, resourceToken } from './record-rows.ts';
import { treeRoot } from './record-tree.ts';
import { attachmentRowHash, recordRowHash, rowsDigest } from './row-hash.ts';
import type { Tables } from './store/schema.ts';
import type { OpenedKey, RecordMeta } from './vault-types.ts';
import type { NewVersion, WriteOrder } from './write-order.ts';

/** Rows made in one turn of the event loop. */
const BIND_SLICE = 64;

/** A batch as it will stand in the store and on the ledger, under the keys of one plan. */
export interface BoundBatch {
  readonly records: readonly Insertable<Tables['record']>[];
  readonly attachments: readonly Insertable<Tables['attachment']>[];
  readonly digest: string;
  /** `batches`, `keys`, `tables` and `registrations` of record.commit. */
  readonly args: { readonly [name: string]: Json };
}

/** Puts every version under its key: one tree per key id, leaves in the order of the versions. */
export async function bindBatch(
  masterKey: MasterKey,
  batch: {
    readonly batchId: string;
    readonly order: WriteOrder;
    readonly objects: readonly SealedObject[];
    readonly plans: OwnerPlans;
  },
): Promise<BoundBatch> {
  const { batchId, order, objects, plans } = batch;
  const trees = new Map<string, { readonly key: OpenedKey; readonly leaves: string[] }>();
  let packOffset = 0;
  const records: Insertable<Tables['record']>[] = [];
  for (const [at, version] of order.versions.entries()) {
    if (at > 0 && at % BIND_SLICE === 0) await nextTurn();
    const object = objects[at];
    if (object === undefined) throw new Error('broken invariant: each version has its object');
    const key = keyFor(plans, version);
    const tree = trees.get(key.keyId) ?? { key, leaves: [] };
    trees.set(key.keyId, tree);
    const { wrap, leafHash } = bindToKey(object, key);
    const leafIndex = tree.leaves.push(leafHash) - 1;
    const place = { keyId: key.keyId, leafIndex, leafHash, packOffset };
    packOffset += object.ciphertext.length;
    const author = order.writer.who.id;
    records.push(recordRow(masterKey, { batchId, version, object, wrap, place, author }));
  }
  const attachments = order.versions.flatMap((version) => attachmentRows(batchId, version));
  const batches = [...trees.values()].map(({ key, leaves }): Json => {
    return { owner: key.owner, keyId: key.keyId, count: leaves.length, root: treeRoot(leaves) };
  });
  return {
    records,
    attachments,
    digest: rowsDigest(records, attachments),
    args: {
      batches,
      ...planArgs([...plans.values()]),
      registrations: order.patients.map(({ registration }): Json => ({ ...registration })),
    },
  };
}

function planArgs(plans: readonly KeyPlan[]): { readonly keys: Json; readonly tables: Json } {
  const keys = plans.flatMap((plan) => plan.fresh.map(({ keyId, owner, epoch }): Json => ({ keyId, owner, epoch })));
  const tables = plans.flatMap(({ table }): Json[] => {
    if (table === undefined) return [];
    const { owner, epoch, root, size, version } = table;
    return [{ owner, epoch, root, size, version }];
  });
  return { keys, tables };
}

function recordRow(
  masterKey: MasterKey,
  parts: {
    readonly batchId: string;
    readonly version: NewVersion;
    readonly object: SealedObject;
    readonly wrap: string;
    readonly place: Pick<Insertable<Tables['record']>, 'keyId' | 'leafIndex' | 'leafHash' | 'packOffset'>;
    readonly author: string;
  },
): Insertable<Tables['record']> {
  const { version, object, place } = parts;
  const { recordId } = version;
  const meta: RecordMeta = {
    ...version.facts,
    owner: version.owner,
    pair: version.pair,
    salt: object.salt,
    author: parts.author,
  };
  const facts = {
    ...place,
    recordId,
    version: version.version,
    ciphertextHash: object.ciphertextHash,
    contentHash: object.contentHash,
    packLength: object.ciphertext.length,
    wrap: parts.wrap,
    sealed: masterKey.sealJson('record', recordContext(recordId, version.version), meta as unknown as Json),
    resourceToken: resourceToken(masterKey, meta.type, meta.id),
    ownerToken: masterKey.token('owner', version.owner),
  };
  return { ...facts, batchId: parts.batchId, rowHash: recordRowHash(facts), status: 'current' };
}

function attachmentRows(batchId: string, version: NewVersion): readonly Insertable<Tables['attachment']>[] {
  return version.attachments.map((attachment) => {
    const facts = { ...attachment, recordId: version.recordId, version: version.version };
    return { ...facts, batchId, rowHash: attachmentRowHash(facts) };
  });
}

function keyFor(plans: OwnerPlans, { owner, pair }: NewVersion): OpenedKey {
  const key = plans.get(owner)?.keys.get(pair);
  if (key === undefined) throw new Error('broken invariant: the plan has a key for each owner and pair');
  return key;
}
