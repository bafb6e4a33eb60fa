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
