import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type BatchFact, batchKey } from '@salus/contracts';
import { treeRoot } from '../src/record-tree.ts';
import type { Vault } from '../src/vault.ts';

export interface Counted {
  readonly records: number;
  readonly trees: number;
}

/**
 * Every record has its ledger entry and every ledger entry its records: throws with the place otherwise. Also: no batch
 * is pending, every pack belongs to a batch, every object has the hash that its row names.
 */
export async function demandConsistent(vault: Vault): Promise<Counted> {
  const { store, ledger, rows } = vault;
  const batches = await store.read.selectFrom('batch').selectAll().execute();
  const pending = batches.filter(({ state }) => state !== 'committed');
  if (pending.length > 0) throw new Error(`${pending.length} batches are pending`);
  const packs = readdirSync(join(vault.directory, 'objects', 'packs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.pack'))
    .map((name) => name.slice(-27, -5))
    .sort();
  const named = batches.filter(({ packBytes }) => packBytes > 0).map(({ batchId }) => batchId);
  if (JSON.stringify(packs) !== JSON.stringify(named.sort())) throw new Error('packs and batches differ');

  const roots = await ledger.range('record/root/', 'record/root0', 10_000);
  const onLedger = new Set(roots.map(({ key }) => key));
  let records = 0;
  for (const { keyId } of await store.read.selectFrom('record').select('keyId').distinct().execute()) {
    for (const tree of await rows.listTrees(keyId)) {
      const key = batchKey(keyId, tree.callId);
      const leaves = await rows.listLeaves(keyId, tree.batchId);
      const fact = (await ledger.get(key)) as BatchFact | undefined;
      if (fact === undefined) throw new Error(`no ledger entry for ${key}`);
      if (fact.count !== leaves.length) throw new Error(`another count at ${key}`);
      if (fact.root !== treeRoot(leaves.map(({ leafHash }) => leafHash))) throw new Error(`another root at ${key}`);
      onLedger.delete(key);
      records += leaves.length;
      for (const { recordId, version } of leaves) {
        const record = recordId === null || version === null ? undefined : await rows.findRecord(recordId, version);
        if (record !== undefined) await vault.ciphertext.readPlaintext(record);
      }
    }
  }
  if (onLedger.size > 0) throw new Error(`${onLedger.size} ledger entries without records`);
  return { records, trees: roots.length };
}
