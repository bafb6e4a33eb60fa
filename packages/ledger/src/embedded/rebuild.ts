import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { callId, canonical } from '@salus/crypto';
import {
  type EmbeddedBlockHeader,
  hashHeaderText,
  NO_WRITES,
  nextCommitment,
  parseBody,
  rootOf,
  textLeaf,
  writesText,
} from '../block.ts';
import { LedgerError } from '../ledger-error.ts';
import type { BackupResult } from './maintenance-worker.ts';
import { createTables, positionOf, requireTables } from './schema.ts';
import { stateRootAt } from './state-root.ts';
import { openLock, syncDirectory } from './store.ts';

export type RebuildResult = BackupResult;

/**
 * Drops state, history and the index of refused calls and rebuilds them from the write sets in the blocks, without running a
 * contract. The ledger must be closed (`in-use`). The new file is complete and durable before it takes the old one's place; a
 * block whose write sets are not those of its header stops the rebuild with `not-a-ledger`, and the old file stays.
 */
export function rebuildLedger(
  file: string,
  onProgress: (progress: { readonly block: number }) => void = () => {},
): RebuildResult {
  if (!existsSync(file)) throw new LedgerError('not-a-ledger', 'there is no ledger file');
  using lock = openLock(file);
  void lock;
  const rebuilt = `${file}.rebuild`;
  rmSync(rebuilt, { force: true });
  const result = copyAndReplay(file, rebuilt, onProgress);
  const descriptor = openSync(rebuilt, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
  // The old file's log was copied back and removed when it was closed, so it cannot be applied to the new one.
  if (existsSync(`${file}-wal`)) throw new LedgerError('in-use', 'another process reads the ledger');
  renameSync(rebuilt, file);
  syncDirectory(dirname(file));
  return result;
}

function copyAndReplay(
  from: string,
  to: string,
  onProgress: (progress: { readonly block: number }) => void,
): RebuildResult {
  using source = new DatabaseSync(from, { returnArrays: true });
  requireTables(source, ['block', 'body']);
  source.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  using target = new DatabaseSync(to, { returnArrays: true });
  // Nothing is at stake before the file is synced and renamed.
  target.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144; BEGIN');
  createTables(target);
  const head = replay(source, target, onProgress);
  target.exec('COMMIT');
  const { number, stateCommitment } = head.header;
  const stateRoot = { number, root: stateRootAt(target, number) };
  return { number, hash: hashHeaderText(head.text), stateCommitment, stateRoot };
}

type Head = { readonly header: EmbeddedBlockHeader; readonly text: string };

function replay(
  source: DatabaseSync,
  target: DatabaseSync,
  onProgress: (progress: { readonly block: number }) => void,
): Head {
  const bodies = source.prepare(
    'SELECT position, text FROM body WHERE position >= ? AND position < ? ORDER BY position',
  );
  const insertBlock = target.prepare('INSERT INTO block VALUES(?, ?, ?)');
  const insertBody = target.prepare('INSERT INTO body VALUES(?, ?)');
  const apply = writer(target);
  let head: Head | undefined;
  for (const row of source.prepare('SELECT number, header, signature FROM block ORDER BY number').iterate()) {
    const [number, text, signature] = row as unknown as [number, string, string];
    const header = JSON.parse(text) as EmbeddedBlockHeader;
    const leaves: Uint8Array[] = [];
    for (const bodyRow of bodies.iterate(positionOf(number, 0), positionOf(number + 1, 0))) {
      const [position, body] = bodyRow as unknown as [number, string];
      leaves.push(apply(position, body));
      insertBody.run(position, body);
    }
    const follows =
      head === undefined || header.stateCommitment === nextCommitment(head.header.stateCommitment, header.writesRoot);
    if (rootOf(leaves) !== header.writesRoot || !follows) {
      throw new LedgerError('not-a-ledger', `block ${number} does not hold the write sets of its header: run verify`);
    }
    insertBlock.run(number, text, signature);
    head = { header, text };
    onProgress({ block: number });
  }
  if (head === undefined) throw new LedgerError('not-a-ledger', 'the ledger has no block');
  return head;
}

/** Applies a transaction's write set; returns its leaf. */
function writer(target: DatabaseSync): (position: number, body: string) => Uint8Array {
  const archive = target.prepare('INSERT INTO history SELECT key, position, value FROM state WHERE key = ?');
  const put = target.prepare('INSERT OR REPLACE INTO state VALUES(?, ?, ?)');
  const refuse = target.prepare('INSERT INTO refusal VALUES(?, ?)');
  return (position, body) => {
    const { call, outcome } = parseBody(body);
    if (outcome.kind === 'refused') {
      refuse.run(callId(call.payload as Parameters<typeof callId>[0]), position);
      return textLeaf(NO_WRITES);
    }
    const written = outcome.writes.map(([key, value]) => [key, value === null ? null : canonical(value)] as const);
    for (const [key, text] of written) {
      archive.run(key);
      put.run(key, position, text);
    }
    return textLeaf(writesText(written));
  };
}
