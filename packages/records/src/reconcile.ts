import { callKey } from '@salus/contracts';
import type { Attachments } from './attachments.ts';
import type { RecordWriter } from './commit.ts';
import { isDistrusted } from './distrusted.ts';
import type { LeafStates } from './erase.ts';
import type { LedgerView } from './ledger-view.ts';
import type { Packs } from './packs.ts';
import type { Store } from './store/database.ts';

const CLEAN_KEY = 'closed-cleanly';

export interface Reconciliation {
  /** Batches whose call the ledger had: finished. */
  readonly finished: number;
  /** Batches whose call the ledger refused, or was never sent: nothing was acknowledged, nothing remains. */
  readonly discarded: number;
  /** Batches whose call rests on what the ledger distrusts: left as they are, neither acknowledged nor removed. */
  readonly distrusted: number;
  /** Packs and attachments that no row names: removed. */
  readonly orphans: number;
}

/**
 * Start-up: settles every write that was under way when the process stopped, removes files that no row names, and makes
 * rows follow the leaf states of the ledger, so that erasures hold after a restore. Needs no manual step, and goes on without
 * what the ledger distrusts.
 */
export async function reconcile(parts: {
  readonly store: Store;
  readonly writer: RecordWriter;
  readonly packs: Packs;
  readonly attachments: Attachments;
  readonly leafStates: LeafStates;
  readonly ledger: Pick<LedgerView, 'get'>;
  /** Told what the ledger distrusts. */
  readonly onFailure: (error: unknown) => void;
}): Promise<Reconciliation> {
  const { store, leafStates } = parts;
  const pending = await store.read
    .selectFrom('batch')
    .select(['batchId', 'call', 'callId', 'packBytes'])
    .where('state', '=', 'pending')
    .orderBy('createdMs')
    .execute();
  const found = { committed: 0, discarded: 0, distrusted: 0 };
  for (const batch of pending) found[await settle(parts, batch)] += 1;
  const orphans = (await takeCleanMark(store)) ? 0 : await removeOrphans(parts);
  await leafStates.applyAll();
  return { finished: found.committed, discarded: found.discarded, distrusted: found.distrusted, orphans };
}

async function settle(
  parts: Parameters<typeof reconcile>[0],
  batch: Parameters<typeof isUnsent>[1] & { readonly call: string },
): Promise<'committed' | 'discarded' | 'distrusted'> {
  const { writer, onFailure } = parts;
  try {
    if (!(await isUnsent(parts, batch))) return await writer.settle(batch);
    await writer.discard(batch.batchId);
    return 'discarded';
  } catch (error) {
    if (!isDistrusted(error)) throw error;
    onFailure(error);
    return 'distrusted';
  }
}

/**
 * A call is sent when the disk has intent and pack, so that one whose pack is not whole never was, and must not be now: its
 * records would lack their objects. Where the ledger has the call all the same, the disk lost what it had: a finding for
 * `verify`, no reason to remove rows.
 */
async function isUnsent(
  { store, packs, ledger }: Parameters<typeof reconcile>[0],
  { batchId, callId, packBytes }: { readonly batchId: string; readonly callId: string; readonly packBytes: number },
): Promise<boolean> {
  if (packBytes === 0) return false;
  const rows = await store.read
    .selectFrom('record')
    .select(['packOffset', 'packLength', 'ciphertextHash'])
    .where('batchId', '=', batchId)
    .execute();
  const objects = rows.map((row) => ({ ...row, ciphertextHash: row.ciphertextHash ?? '' }));
  return !(await packs.isWhole(batchId, objects)) && (await ledger.get(callKey(callId))) === undefined;
}

/** Said when the vault closed with nothing under way: the next start need not look through all files. */
export async function markClean(store: Store): Promise<void> {
  await store.write((trx) =>
    trx
      .insertInto('meta')
      .values({ key: CLEAN_KEY, value: 'yes' })
      .onConflict((conflict) => conflict.doNothing())
      .execute(),
  );
}

async function takeCleanMark(store: Store): Promise<boolean> {
  const removed = await store.write((trx) =>
    trx.deleteFrom('meta').where('key', '=', CLEAN_KEY).executeTakeFirstOrThrow(),
  );
  return removed.numDeletedRows > 0n;
}

async function removeOrphans({ store, packs, attachments }: Parameters<typeof reconcile>[0]): Promise<number> {
  let removed = 0;
  for await (const ids of packs.list()) {
    const known = await store.read.selectFrom('batch').select('batchId').where('batchId', 'in', ids).execute();
    for (const id of without(
      ids,
      known.map((row) => row.batchId),
    )) {
      await packs.remove(id);
      removed += 1;
    }
  }
  for await (const ids of attachments.list()) {
    const known = await store.read
      .selectFrom('attachment')
      .select('attachmentId')
      .where('attachmentId', 'in', ids)
      .where('fileHash', 'is not', null)
      .execute();
    for (const id of without(
      ids,
      known.map((row) => row.attachmentId),
    )) {
      await attachments.remove(id);
      removed += 1;
    }
  }
  return removed;
}

function without(ids: readonly string[], known: readonly string[]): readonly string[] {
  const names = new Set(known);
  return ids.filter((id) => !names.has(id));
}
