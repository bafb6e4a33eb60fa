export {
  type Block,
  type BlockHeader,
  type ContractsInUse,
  type EmbeddedBlockHeader,
  hashHeaderText,
  hashOfHeader,
  type StateRoot,
} from './block.ts';
export {
  type Checkpoint,
  type CheckpointSignature,
  type CheckpointSigner,
  checkpointMessage,
  findCheckpoint,
  signCheckpoint,
  signedByAll,
  verifyCheckpointSignature,
} from './checkpoint.ts';
export { type ContractRuntime, installedContracts } from './contract-runtime.ts';
export type { EmbeddedLedger } from './embedded/embedded-ledger.ts';
export type { BackupResult } from './embedded/maintenance-worker.ts';
export { createEmbeddedLedger, type EmbeddedLedgerOptions, openEmbeddedLedger } from './embedded/open.ts';
export { type RebuildResult, rebuildLedger } from './embedded/rebuild.ts';
export {
  FABRIC_BLOCK_VERSION,
  type FabricBlockHeader,
  type FabricHeaderFacts,
  type FabricTransaction,
  fabricHeaderBytes,
  hashFabricHeader,
} from './fabric-block.ts';
export {
  HISTORY_LIMIT_MAX,
  type Ledger,
  type LostRange,
  type Place,
  type PortCode,
  RANGE_LIMIT_MAX,
  type RecordedOutcome,
  type SubmitResult,
  type TransactionOutcome,
  type TransactionView,
  type Version,
} from './ledger.ts';
export { LedgerError, type LedgerErrorCode } from './ledger-error.ts';
export { createPure } from './pure.ts';
export { UNRECORDED_CODES } from './unrecorded.ts';
export type { CheckpointReport } from './verify/checkpoints.ts';
export { FINDINGS_MAX, type Finding, type FindingCode } from './verify/finding.ts';
export { type LedgerState, openLedgerState } from './verify/ledger-state.ts';
export { type VerifyOptions, type VerifyReport, verifyLedger } from './verify/verify.ts';
export { writesOf } from './writes-of.ts';
