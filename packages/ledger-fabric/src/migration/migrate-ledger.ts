import { GatewayError } from '@hyperledger/fabric-gateway';
import { peer } from '@hyperledger/fabric-protos';
import { IMPORT_KEY, type ImportFact, type JsonObject, MOVE_KEY, type MoveFact } from '@salus/contracts';
import { utf8 } from '@salus/crypto';
import { LedgerError } from '@salus/ledger';
import type { FabricConnection } from '../connection-file.ts';
import { FabricError } from '../fabric-error.ts';
import type { Follower } from '../follower/follower.ts';
import { backOffMs, pause } from '../gateway/back-off.ts';
import { readFabricIdentity } from '../gateway/fabric-identity.ts';
import { describeGatewayError } from '../gateway/gateway-fault.ts';
import { Limit } from '../gateway/limit.ts';
import { OwnPeers } from '../gateway/own-peers.ts';
import { newProposal } from '../gateway/proposal.ts';
import { IMPORT_FUNCTION } from '../wire.ts';
import type { EndedLedger } from './embedded-blocks.ts';
import { cutBlock, gatherPieces } from './import-pieces.ts';
import { findImportRefusal, type ImportPiece, importText } from './import-wire.ts';

/** A part that peers do not agree on, or that meets another's, is tried so often: mostly one of them is a block behind. */
const ATTEMPTS_MAX = 30;
/** How long an ordered part may take until the own follower has applied it. */
const APPLIED_MS = 60_000;
const { TxValidationCode } = peer;

export type Migration = {
  readonly connection: FabricConnection;
  /** The channel as this organisation's node follows it. */
  readonly follower: Follower;
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

function findMove(follower: Follower): MoveFact | undefined {
  return follower.peek(MOVE_KEY) as MoveFact | undefined;
}

function findProgress(follower: Follower): ImportFact | undefined {
  return follower.peek(IMPORT_KEY) as ImportFact | undefined;
}

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
    if (!(await take(run, pieces))) return;
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

/** Brings one transaction onto the channel; false when another one came first. */
async function take(run: Run, pieces: readonly ImportPiece[]): Promise<boolean> {
  const { follower, peers, connection } = run;
  const argument = utf8(importText(pieces));
  for (let attempt = 0; ; attempt += 1) {
    const { txId, bytes } = newProposal({
      creator: run.creator,
      channel: connection.channel,
      chaincode: connection.chaincode,
      args: [utf8(IMPORT_FUNCTION), argument],
      transient: new Map(),
      endorsers: [
        connection.organisation,
        ...follower.organisations.filter((each) => each !== connection.organisation),
      ],
      timestampMs: run.clock(),
    });
    try {
      const endorsed = await peers.endorse(bytes);
      using limit = new Limit(new AbortController().signal, APPLIED_MS, () => 'a part was ordered, and is in no block');
      const applied = follower.awaitTransaction(txId, limit.signal);
      await peers.order(endorsed);
      const { code, alarm } = await applied;
      if (alarm !== undefined) {
        throw new FabricError('import-refused', `the own follower found a part that should not be: ${alarm}`);
      }
      if (code === TxValidationCode.VALID) return true;
      if (code === TxValidationCode.MVCC_READ_CONFLICT || code === TxValidationCode.PHANTOM_READ_CONFLICT) return false;
      throw new FabricError('import-refused', `the peers call the transaction invalid: code ${code}`);
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      const refused = findRefused(error, connection.organisation);
      if (refused !== undefined) throw refused;
      if (attempt >= ATTEMPTS_MAX) {
        throw new LedgerError('unavailable', `not every member endorses: ${describeGatewayError(error)}`, {
          cause: error,
        });
      }
      await pause(backOffMs(attempt), new AbortController().signal);
    }
  }
}

/**
 * A refusal that trying again does not change. Another organisation that is a block behind refuses by `order` or `not-empty`; the own
 * one has every block that the follower has.
 */
function findRefused(error: GatewayError, own: string): FabricError | undefined {
  for (const { mspId, message } of error.details) {
    const refusal = findImportRefusal(message);
    if (refusal === undefined || (mspId !== own && refusal.code === 'order')) continue;
    const { code, block, index } = refusal;
    const place = block === null ? '' : ` at block ${block}${index === null ? '' : ` call ${index}`}`;
    return new FabricError('import-refused', `${mspId} refuses${place}: ${code}`);
  }
  return undefined;
}
