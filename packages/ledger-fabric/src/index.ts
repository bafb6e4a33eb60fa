export type { BlockFileCode, BlockFileFinding } from './block-file/finding.ts';
export { type PeerOptions, type PeerReport, verifyPeer } from './block-file/verify-peer.ts';
export {
  CONNECTION_VERSION,
  type FabricConnection,
  type FabricPeer,
  parseFabricConnection,
  readFabricConnection,
} from './connection-file.ts';
export { FabricError, type FabricErrorCode } from './fabric-error.ts';
export { FabricLedger, type FabricLedgerOptions, openFabricLedger } from './fabric-ledger.ts';
export type { Alarm, AlarmCode } from './follower/alarm.ts';
export { type FollowerOptions, openFollower } from './follower/open-follower.ts';
export { type EndedLedger, openEndedLedger } from './migration/embedded-blocks.ts';
export { importedBlocks } from './migration/imported-blocks.ts';
export { type Migration, type MigrationReport, migrateLedger } from './migration/migrate-ledger.ts';
export { findTakeOver, TAKE_OVER_FILE, type TakeOver, takeOverBytes } from './migration/take-over.ts';
export { type ReplicaOptions, type ReplicaReport, verifyReplica } from './verify-replica.ts';
