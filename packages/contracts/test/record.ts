import { inclusionProof, leafHash, merkleRoot, sha256, toBase64url, utf8 } from '@salus/crypto';
import { epochKey, FIRST_EPOCH } from '../src/epoch.ts';
import type { JsonObject } from '../src/json.ts';
import type { LeafReference } from '../src/record/leaf.ts';
import type { CallOptions } from './host.ts';
import { testHash, testId } from './keys.ts';
import { createNetwork, type Patient, type TestNetwork } from './network.ts';

export type RecordWorld = TestNetwork & { readonly alice: Patient; readonly owner: string };

/** Alice's records lie at hospital A. */
export async function createRecordWorld(): Promise<RecordWorld> {
  const network = await createNetwork(['hospital-a', 'hospital-b', 'hospital-c']);
  const alice = await network.claim('hospital-a', 'alice');
  return { ...network, alice, owner: `pid:${alice.pid}` };
}

/** A Merkle tree over record leaves that only depend on the labels. */
export type TestBatch = {
  readonly keyId: string;
  readonly count: number;
  readonly root: string;
  /** The reference of leaf `index`, once call `batch` has committed the tree. */
  leaf(index: number, batch: string): LeafReference;
};

export function batchOf(key: string, ...labels: readonly string[]): TestBatch {
  const leaves = labels.map((label) => leafHash(sha256(utf8(label))));
  return {
    keyId: testId(key),
    count: leaves.length,
    root: toBase64url(merkleRoot(leaves)),
    leaf: (index, batch) => ({
      leafHash: toBase64url(leaves[index]!),
      keyId: testId(key),
      batch,
      index,
      proof: inclusionProof(leaves, index).map(toBase64url),
    }),
  };
}

export type Committing = {
  readonly owner?: string;
  readonly batches?: readonly TestBatch[];
  /** Labels of key ids to register. */
  readonly keys?: readonly string[];
  readonly table?: boolean;
  readonly epoch?: number;
  readonly by?: CallOptions['by'];
  readonly onBehalfOf?: CallOptions['onBehalfOf'];
  readonly replaces?: readonly LeafReference[];
  readonly args?: JsonObject;
};

/** A commit, or a correction when it replaces leaves, by hospital A's feed. */
export function commitOf(world: RecordWorld, committing: Committing): CallOptions {
  const { owner = world.owner, batches = [], keys = [], table = false, replaces } = committing;
  const epoch = committing.epoch ?? epochOf(world, owner);
  const args = {
    batches: batches.map(({ keyId, count, root }) => ({ owner, keyId, count, root })),
    keys: keys.map((key) => ({ keyId: testId(key), owner, epoch })),
    tables: table ? [{ owner, epoch, root: testHash('table'), size: 40, version: 1 }] : [],
    registrations: [],
    ...(replaces === undefined ? {} : { replaces }),
    ...committing.args,
  };
  return {
    transaction: replaces === undefined ? 'record.commit' : 'record.correct',
    args,
    by: committing.by ?? world.organisation('hospital-a').feed,
    ...(committing.onBehalfOf === undefined ? {} : { onBehalfOf: committing.onBehalfOf }),
  };
}

export function epochOf(world: RecordWorld, owner = world.owner): number {
  const fact = world.state.get(epochKey(owner)) as { readonly epoch: number } | undefined;
  return fact?.epoch ?? FIRST_EPOCH;
}

/** Commits one batch under a new key, with the epoch's table when it has none, and tells the call's id. */
export async function commitBatch(
  world: RecordWorld,
  batch: TestBatch,
  committing: Omit<Committing, 'batches'>,
): Promise<string> {
  const outcome = await world.submit(world.sign(commitOf(world, { batches: [batch], ...committing })));
  if (outcome.kind !== 'committed') throw new Error(JSON.stringify(outcome));
  return outcome.callId;
}
