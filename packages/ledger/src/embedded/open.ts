import { existsSync } from 'node:fs';
import type { Json } from '@salus/contracts';
import { canonical, fromBase64url, type Signer, utf8, verifyEs256 } from '@salus/crypto';
import {
  BLOCK_ALG,
  BLOCK_VERSION,
  type EmbeddedBlockHeader,
  genesisHash,
  hashHeaderText,
  nextCommitment,
  rootOf,
  type SealedHeader,
  STATE_ROOT_INTERVAL,
  sealHeader,
} from '../block.ts';
import { type CheckpointSigner, signCheckpoint } from '../checkpoint.ts';
import { type ContractRuntime, installedContracts } from '../contract-runtime.ts';
import type { LostRange } from '../ledger.ts';
import { LedgerError } from '../ledger-error.ts';
import { CheckpointFile, readCheckpointFile } from './checkpoint-file.ts';
import { EmbeddedLedger, sealedHead } from './embedded-ledger.ts';
import { findLostRange } from './lost-range.ts';
import { Maintenance } from './maintenance.ts';
import { LedgerStore } from './store.ts';

export type EmbeddedLedgerOptions = {
  /** The ledger's SQLite file, beside which SQLite keeps `-wal` and `-shm` and this package `.lock`. */
  readonly file: string;
  /** Signs block headers; the same key for the whole life of the ledger. */
  readonly signer: Signer;
  /** Outside the data directory: who restores or cuts the directory must not cut this file with it. Created when missing. */
  readonly checkpointFile: string;
  /** The hosted organisations' enrolled identities as of now; asked for each block. */
  readonly checkpointSigners: () => readonly CheckpointSigner[];
  /** Milliseconds since the epoch; blocks never go back behind it. */
  readonly clock: () => number;
  /** Only for tests and simulators: other contracts than the installed ones. */
  readonly runtime?: ContractRuntime;
  /** Only for tests and simulators: `STATE_ROOT_INTERVAL` unless told. */
  readonly stateRootInterval?: number;
};

const NETWORK = /^[A-Za-z0-9_-]{21}[AQgw]$/;
/** Rollbacks that one network may name in its life. */
const ROLLBACKS_MAX = 10_000;

/**
 * Founds a ledger file for `network` (128 random bits, base64url) and opens it. `already-exists`, `bad-argument`, and
 * `bad-checkpoint-file` where that file already vouches for a ledger.
 */
export async function createEmbeddedLedger(
  options: EmbeddedLedgerOptions & { readonly network: string },
): Promise<EmbeddedLedger> {
  const { network, signer, clock, file } = options;
  if (!NETWORK.test(network)) throw new LedgerError('bad-argument', 'a network is base64url of 16 bytes');
  if (existsSync(file)) throw new LedgerError('already-exists', 'there is a file in place of the new ledger');
  // Founding anew beside it would hide that the ledger it vouches for is gone.
  if (readCheckpointFile(options.checkpointFile).length > 0) {
    throw new LedgerError(
      'bad-checkpoint-file',
      'the checkpoint file vouches for another ledger: restore that one, or name another checkpoint file',
    );
  }
  const runtime = options.runtime ?? installedContracts();
  const writesRoot = rootOf([]);
  const previousHash = genesisHash(network);
  const header: EmbeddedBlockHeader = {
    version: BLOCK_VERSION,
    alg: BLOCK_ALG,
    network,
    number: 0,
    previousHash,
    timestampMs: clock(),
    count: 0,
    transactionsRoot: rootOf([]),
    writesRoot,
    stateCommitment: nextCommitment(previousHash, writesRoot),
    contracts: runtime.inUse,
    ledgerKey: signer.publicKey,
  };
  const genesis = await sealHeader(header, signer);
  LedgerStore.found(file, genesis);
  return openEmbeddedLedger(options);
}

/**
 * Opens a ledger file after a clean end, a crash or a restore, without a manual step: SQLite replays its log, a torn
 * checkpoint is cut off, a missing one is added. Where the checkpoint file vouches for blocks that the ledger does not
 * have, `rollbackNeeded` tells which. `not-a-ledger`, `in-use`, `wrong-key`, `bad-checkpoint-file`.
 */
export async function openEmbeddedLedger(options: EmbeddedLedgerOptions): Promise<EmbeddedLedger> {
  const { file, signer, clock, checkpointSigners, stateRootInterval = STATE_ROOT_INTERVAL } = options;
  using resources = new DisposableStack();
  const store = resources.use(LedgerStore.open(file));
  const head = readHead(store, signer);
  const { network, number } = head.header;
  const checkpoints = CheckpointFile.open(options.checkpointFile);
  const checkpointFile = resources.use(checkpoints.file);
  const newest = checkpoints.entries.at(-1);
  if (newest !== undefined && newest.checkpoint.network !== network) {
    throw new LedgerError('bad-checkpoint-file', 'the checkpoint file belongs to another network');
  }
  const found = findLostRange(checkpoints.entries, number, (at) => hashOf(store, at));
  const lost = found === undefined || isNamed(store, found) ? undefined : found;
  const checkpoint = await signCheckpoint({ network, number, hash: head.hash }, checkpointSigners());
  const isKnown = newest?.checkpoint.hash === head.hash && newest.lost === undefined && lost === undefined;
  if (!isKnown) checkpointFile.append(lost === undefined ? { checkpoint } : { checkpoint, lost });
  const ledger = new EmbeddedLedger({
    network,
    store,
    runtime: options.runtime ?? installedContracts(),
    signer,
    clock,
    checkpointFile,
    checkpointSigners,
    maintenance: new Maintenance(file),
    head,
    checkpoint,
    lost,
    dueStateRoot: findDueStateRoot(store, number, stateRootInterval),
    stateRootInterval,
  });
  resources.move();
  return ledger;
}

/** The newest block, once it is sure that this signer sealed it: a ledger that contradicts its own head goes no further. */
function readHead(store: LedgerStore, signer: Signer): SealedHeader {
  const row = store.head();
  if (row === undefined) throw new LedgerError('not-a-ledger', 'the ledger has no block');
  const head = sealedHead(row);
  const { header, text, hash, signature } = head;
  if (header.version !== BLOCK_VERSION || canonical(header as unknown as Json) !== text) {
    throw new LedgerError('not-a-ledger', 'the newest header is of another version: run verify');
  }
  if (header.ledgerKey !== signer.publicKey) {
    throw new LedgerError('wrong-key', 'the ledger was created with another key');
  }
  if (
    !verifyEs256(signer.publicKey, utf8(hash), fromBase64url(signature)) ||
    store.bodies(header.number).length !== header.count
  ) {
    throw new LedgerError('not-a-ledger', 'the newest block contradicts its signature: run verify');
  }
  return head;
}

function hashOf(store: LedgerStore, number: number): string | undefined {
  const row = store.header(number);
  return row === undefined ? undefined : hashHeaderText(row.text);
}

/** True when the power failed between the block that names the lost range and its checkpoint. */
function isNamed(store: LedgerStore, lost: LostRange): boolean {
  return store.range('access/rollback/', 'access/rollback0', ROLLBACKS_MAX).some(({ text }) => {
    const { from, to, hash } = JSON.parse(text) as LostRange;
    return from === lost.from && to === lost.to && hash === lost.hash;
  });
}

/** The newest block whose state root was due and stands in no later header: the process ended while it was computed. */
function findDueStateRoot(store: LedgerStore, head: number, interval: number): number | undefined {
  const due = head - (head % interval);
  if (due === 0) return undefined;
  for (let number = head; number > due; number -= 1) {
    if (store.header(number)?.header.stateRoot?.number === due) return undefined;
  }
  return due;
}
