import { setTimeout as sleep } from 'node:timers/promises';
import { common } from '@hyperledger/fabric-protos';
import { type CheckpointSigner, hashFabricHeader, LedgerError, type LostRange } from '@salus/ledger';
import { Maintenance } from '@salus/ledger/store';
import { ChannelMembers } from '../block/channel-members.ts';
import type { RawBlock } from '../block/raw-block.ts';
import type { FabricConnection } from '../connection-file.ts';
import type { Alarm } from './alarm.ts';
import { type BlockSource, openPeerBlocks } from './block-source.ts';
import { Checkpoints, isSame } from './checkpoints.ts';
import { Follower } from './follower.ts';
import { type ChannelState, judgeGenesis } from './judge-block.ts';
import { Replica } from './replica.ts';
import { bundledRuntimes, type Runtimes } from './runtimes.ts';

/** How long opening waits for a peer that answers: one that was started at the same time needs a few seconds. */
const ANSWER_TIMEOUT_MS = 30_000;
/** How long it waits for each block on the way up to the peer's height. */
const BLOCK_TIMEOUT_MS = 60_000;
const RETRY_MS = 100;
/** Rollbacks that one network may name in its life. */
const ROLLBACKS_MAX = 10_000;

export type FollowerOptions = {
  readonly connection: FabricConnection;
  /** The replica's SQLite file; made when it is missing. */
  readonly file: string;
  /** Outside the data directory: who restores or cuts the directory must not cut this file with it. Created when missing. */
  readonly checkpointFile: string;
  /** The hosted organisation's enrolled identities as of now; asked for each block. */
  readonly checkpointSigners: () => readonly CheckpointSigner[];
  /** Told of each alarm once, when it is kept. */
  readonly onAlarm?: (alarm: Alarm) => void;
  /** Only for tests and simulators: blocks from elsewhere than the own peers, and other contracts than the agreed bundles. */
  readonly source?: BlockSource;
  readonly runtimes?: Runtimes;
  /** Only for tests: `ANSWER_TIMEOUT_MS` unless told. */
  readonly answerTimeoutMs?: number;
  /** Only for tests: `STALE_MAX_MS` unless told. */
  readonly staleMaxMs?: number;
};

/**
 * Opens the replica, or begins it with the channel's first block, and follows the own peer. Resolves when all blocks that the
 * peer had at the start are applied. `unavailable` when no own peer answers, `contracts-unknown`, `not-a-ledger`, `in-use`,
 * `bad-checkpoint-file`.
 */
export async function openFollower(options: FollowerOptions): Promise<Follower> {
  const { connection, file, answerTimeoutMs = ANSWER_TIMEOUT_MS } = options;
  const { network, chaincode } = connection;
  const first = (): Promise<RawBlock> => firstBlock(source, answerTimeoutMs);
  await using resources = new AsyncDisposableStack();
  const source = resources.use(options.source ?? openPeerBlocks(connection));
  if (!Replica.exists(file)) Replica.found(file, judgeGenesis(await first(), network).header);
  const replica = resources.use(Replica.open(file));
  const { header } = replica.head();
  if (header.network !== network) throw new LedgerError('not-a-ledger', 'the replica is of another network');
  const channel = await readChannel(replica, network, first);
  const head = { network, number: header.number, hash: hashFabricHeader(header) };
  const checkpoints = resources.use(
    await Checkpoints.open(options.checkpointFile, head, {
      signers: options.checkpointSigners,
      hashOf: (number) => hashAt(replica, number),
      isNamed: (lost) => isNamed(replica, lost),
    }),
  );
  const follower = new Follower({
    network,
    chaincode,
    replica,
    source,
    runtimes: options.runtimes ?? bundledRuntimes(connection.bundles),
    checkpoints,
    maintenance: resources.use(new Maintenance(file)),
    channel,
    onAlarm: options.onAlarm ?? (() => {}),
    staleMaxMs: options.staleMaxMs,
  });
  // From here on the follower closes them.
  resources.move();
  try {
    await catchUp(follower, source, answerTimeoutMs);
  } catch (error) {
    await follower[Symbol.asyncDispose]();
    throw error;
  }
  return follower;
}

async function catchUp(follower: Follower, source: BlockSource, answerTimeoutMs: number): Promise<void> {
  const newest = await retrying(() => source.newest(), answerTimeoutMs);
  while (follower.height < newest) {
    const signal = AbortSignal.timeout(BLOCK_TIMEOUT_MS);
    try {
      await follower.reach(follower.height + 1, signal);
    } catch (cause) {
      if (!signal.aborted) throw cause;
      throw new LedgerError('unavailable', `the peer gives no block after ${follower.height} that can be applied`, {
        cause,
      });
    }
  }
}

/** What the settings say; those of block 0 are written after the file was made, and again when that was interrupted. */
async function readChannel(replica: Replica, network: string, first: () => Promise<RawBlock>): Promise<ChannelState> {
  const configuration = replica.setting('configuration');
  const definition = replica.setting('definition');
  if (configuration !== undefined) {
    return {
      members: new ChannelMembers(common.Config.deserializeBinary(configuration)),
      definition: definition === undefined ? undefined : Buffer.from(definition).toString('utf8'),
    };
  }
  const genesis = judgeGenesis(await first(), network);
  if (genesis.header.hash !== hashAt(replica, 0)) {
    throw new LedgerError('not-a-ledger', 'the replica begins with another block than the peer');
  }
  for (const setting of genesis.settings) replica.putSetting(setting);
  return genesis.channel;
}

function firstBlock(source: BlockSource, timeoutMs: number): Promise<RawBlock> {
  const ask = async (): Promise<RawBlock> => {
    const stop = new AbortController();
    const limit = AbortSignal.any([stop.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      for await (const block of source.blocks(0, limit)) return block;
    } finally {
      stop.abort();
    }
    throw new LedgerError('unavailable', 'the peer gave no first block in time');
  };
  return retrying(ask, timeoutMs);
}

/** Asks again while no peer answers, up to the bound; then what the last one said is thrown. */
async function retrying<T>(ask: () => Promise<T>, timeoutMs: number): Promise<T> {
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const again = error instanceof LedgerError && error.code === 'unavailable' && performance.now() < endMs;
      if (!again) throw error;
      await sleep(RETRY_MS);
    }
  }
}

function hashAt(replica: Replica, number: number): string | undefined {
  const row = replica.store.header(number);
  return row === undefined ? undefined : hashFabricHeader(row.header);
}

/** True when the power failed between the block that names the lost range and its checkpoint. */
function isNamed(replica: Replica, lost: LostRange): boolean {
  const facts = replica.store.range('access/rollback/', 'access/rollback0', ROLLBACKS_MAX);
  return facts.some(({ text }) => isSame(JSON.parse(text) as LostRange, lost));
}
