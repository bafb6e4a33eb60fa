import type { ImportFact, JsonObject } from '@salus/contracts';
import type { FabricConnection } from '../connection-file.ts';
import { FabricError } from '../fabric-error.ts';
import { readFabricIdentity } from '../gateway/fabric-identity.ts';
import { OwnPeers } from '../gateway/own-peers.ts';
import type { EndedLedger } from './embedded-blocks.ts';
import { cutBlock, gatherPieces } from './import-pieces.ts';
import type { ImportPiece } from './import-wire.ts';
import { findMove, findProgress, type ImportView, takePart } from './take-part.ts';

export type Migration = {
  readonly connection: FabricConnection;
  /** The channel as this organisation's node follows it. */
  readonly follower: ImportView;
  readonly ended: EndedLedger;
  /** Submits the call that ends the import (`access.migrated` with these arguments), signed by an administrator or a node. */
  readonly submitEnd: (args: JsonObject) => Promise<void>;
  readonly clock: () => number;
  readonly onProgress?: (progress: { readonly block: number; readonly last: number; readonly calls: number }) => void;
  /** Ends between two parts; what was taken stays taken, and the next run goes on there. */
  readonly signal?: AbortSignal;
};

export type MigrationReport = {
  /** Parts that this run sent, blocks and calls in them. */
  readonly transactions: number;
  readonly calls: number;
  readonly number: number;
  readonly stateCommitment: string;
};

/**
 * Takes an embedded ledger that has ended over to its channel: its blocks, part after part, each endorsed by every member, then the
 * call that ends the import. Safe to interrupt and to run again, also by several members at once. `import-refused` with the
 * place and the reason, `not-ended` for another network's ledger; LedgerError `unavailable`.
 */
export async function migrateLedger(migration: Migration): Promise<MigrationReport> {
  const { connection, follower, ended } = migration;
  if (ended.network !== connection.network || ended.channel !== connection.channel) {
    throw new FabricError('not-ended', 'the members decided that this ledger moves to another network’s channel');
  }
  const identity = readFabricIdentity(connection);
  using peers = new OwnPeers(connection, identity);
  const run: Run = { ...migration, peers, creator: identity.creator, sent: { transactions: 0, calls: 0 } };
  while (!isTaken(run)) {
    migration.signal?.throwIfAborted();
    await takeNext(run);
  }
  const { number, hash, stateCommitment } = ended;
  if (findMove(follower)?.status !== 'migrated') {
    const signatures = ended.checkpoint.signatures as unknown as JsonObject['signatures'];
    await migration.submitEnd({ number, hash, stateCommitment, signatures: signatures! });
  }
  return { ...run.sent, number, stateCommitment };
}

type Run = Migration & {
  readonly peers: OwnPeers;
  readonly creator: Uint8Array;
  readonly sent: { transactions: number; calls: number };
};

/** Has the channel this ledger's last block? `import-refused` where it has taken another ledger over. */
function isTaken({ follower, ended }: Run): boolean {
  const move = findMove(follower);
  if (move?.status === 'migrated') {
    if (move.number === ended.number && move.hash === ended.hash) return true;
    throw new FabricError('import-refused', 'the channel has taken another ledger over (migrated)');
  }
  const progress = findProgress(follower);
  return progress?.number === ended.number && progress.taken === progress.count;
}

/** Sends parts from where the channel stands, until all are taken or somebody else was faster. */
async function takeNext(run: Run): Promise<void> {
  const progress = findProgress(run.follower);
  for (const pieces of gatherPieces(remaining(run.ended, progress))) {
    run.signal?.throwIfAborted();
    if (!(await takePart(run, pieces))) return;
    const calls = pieces.reduce((sum, { bodies }) => sum + bodies.length, 0);
    run.sent.transactions += 1;
    run.sent.calls += calls;
    const block = findProgress(run.follower)?.number ?? run.ended.number;
    run.onProgress?.({ block, last: run.ended.number, calls: run.sent.calls });
  }
}

/** The parts that the channel has not taken. A block is always cut the same way. */
function* remaining(ended: EndedLedger, progress: ImportFact | undefined): Generator<ImportPiece, void, undefined> {
  const isPart = progress !== undefined && progress.taken < progress.count;
  const first = progress === undefined ? 0 : progress.number + (isPart ? 0 : 1);
  for (const block of ended.blocks(first)) {
    for (const piece of cutBlock(block)) {
      const { number } = JSON.parse(piece.header) as { readonly number: number };
      const isOld = isPart && number === first && piece.index * 2 ** piece.level < progress.taken;
      if (!isOld) yield piece;
    }
  }
}
