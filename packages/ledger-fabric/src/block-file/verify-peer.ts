import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { FabricBlockHeader } from '@salus/ledger';
import { LedgerStore } from '@salus/ledger/store';
import type { FabricConnection } from '../connection-file.ts';
import { FabricError } from '../fabric-error.ts';
import { REPLICA_TABLES } from '../follower/replica.ts';
import { bundledRuntimes } from '../follower/runtimes.ts';
import { Replay } from './replay.ts';
import { type BlockFilesReport, type BlockRecord, verifyBlockFiles } from './verify-block-files.ts';

export type PeerOptions = {
  /** Names network, channel, chaincode and the folder of bundles; no peer is asked. */
  readonly connection: FabricConnection;
  /** The peer's data (`peer.fileSystemPath`), or the folder of block files itself. */
  readonly peerData: string;
  /** The node's replica; it must be closed. Absent: the blocks are checked by themselves. */
  readonly replicaFile?: string | undefined;
  readonly onProgress?: (progress: { readonly block: number; readonly calls: number }) => void;
};

export type PeerReport = BlockFilesReport & {
  /** Calls that ran again. */
  readonly calls: number;
  readonly folder: string;
};

/**
 * `salus verify --fabric`: a peer's block files beside the node's replica, offline. Damage is reported; `bad-configuration` where there
 * are no block files of the channel, and `in-use`, `not-a-ledger` of the replica.
 */
export async function verifyPeer(options: PeerOptions): Promise<PeerReport> {
  const { connection, peerData, replicaFile, onProgress } = options;
  const { network, chaincode, channel, bundles } = connection;
  const folder = findFolder(peerData, channel);
  using record = replicaFile === undefined ? undefined : openReplicaRecord(replicaFile);
  using replay = new Replay({ network, chaincode, runtimes: bundledRuntimes(bundles), record });
  const report = await verifyBlockFiles(folder, {
    record,
    onBlock: async (block) => {
      const findings = await replay.take(block);
      onProgress?.({ block: block.number, calls: replay.calls });
      return findings;
    },
  });
  return { ...report, calls: replay.calls, folder };
}

/** What a closed replica recorded. `not-a-ledger`, `in-use`. */
export function openReplicaRecord(file: string): BlockRecord & Disposable & { readonly file: string } {
  const store = LedgerStore.open<FabricBlockHeader>(file, REPLICA_TABLES);
  return {
    file,
    height: store.head()?.header.number ?? -1,
    header: (number) => store.header(number)?.header,
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
}

/** core.yaml's `peer.fileSystemPath`, or the folder in it where Fabric keeps the channel's blocks (kvledger, blkstorage). */
function findFolder(peerData: string, channel: string): string {
  const inside = join(peerData, 'ledgersData', 'chains', 'chains', channel);
  if (existsSync(inside)) return inside;
  if (existsSync(join(peerData, 'blockfile_000000'))) return peerData;
  throw new FabricError('bad-configuration', `${peerData} holds no block files of the channel ${channel}`);
}
