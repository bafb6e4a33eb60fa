import { closeSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { type BlockHeader, hashOfHeader, type StateRoot } from '../block.ts';
import { stateRootAt } from './state-root.ts';
import { syncDirectory } from './store.ts';

/** What runs beside the engine on a connection of its own, one task after the other. */
export type MaintenanceTask =
  | { readonly kind: 'copy-log' }
  | { readonly kind: 'state-root'; readonly number: number }
  | { readonly kind: 'backup'; readonly toFile: string };

export type BackupResult = {
  readonly number: number;
  readonly hash: string;
  readonly stateCommitment: string;
  readonly stateRoot: StateRoot;
};

export type MaintenanceAnswer = { readonly task: number; readonly value?: unknown; readonly error?: string };

const BUSY_TIMEOUT_MS = 60_000;
const { file } = workerData as { readonly file: string };

parentPort?.on('message', ({ task, what }: { readonly task: number; readonly what: MaintenanceTask }) => {
  try {
    parentPort?.postMessage({ task, value: run(what) } satisfies MaintenanceAnswer);
  } catch (error) {
    parentPort?.postMessage({ task, error: String(error) } satisfies MaintenanceAnswer);
  }
});

function run(what: MaintenanceTask): unknown {
  using database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  switch (what.kind) {
    case 'copy-log':
      // The log's frames reach the file here, with their syncs; the writer only starts the log anew.
      return database.exec('PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(PASSIVE)');
    case 'state-root':
      return { number: what.number, root: stateRootAt(database, what.number) } satisfies StateRoot;
    case 'backup':
      return backup(database, what.toFile);
  }
}

/** A consistent copy in one snapshot, complete and durable before it gets its name. */
function backup(database: DatabaseSync, toFile: string): BackupResult {
  const partial = `${toFile}.partial`;
  rmSync(partial, { force: true });
  database.prepare('VACUUM INTO ?').run(partial);
  const descriptor = openSync(partial, 'r+');
  fsyncSync(descriptor);
  closeSync(descriptor);
  const result = describe(partial);
  renameSync(partial, toFile);
  syncDirectory(dirname(toFile));
  return result;
}

function describe(copy: string): BackupResult {
  using database = new DatabaseSync(copy, { readOnly: true });
  const head = database.prepare('SELECT header FROM block ORDER BY number DESC LIMIT 1').get() as { header: string };
  const header = JSON.parse(head.header) as BlockHeader;
  const { number, stateCommitment } = header;
  const root = stateRootAt(database, number);
  return { number, hash: hashOfHeader(header), stateCommitment, stateRoot: { number, root } };
}
