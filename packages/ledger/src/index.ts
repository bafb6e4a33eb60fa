export {
  type Block,
  type BlockHeader,
  type ContractsInUse,
  hashHeaderText,
  type StateRoot,
} from './block.ts';
export {
  type Checkpoint,
  type CheckpointSignature,
  type CheckpointSigner,
  checkpointMessage,
  findCheckpoint,
  signCheckpoint,
  verifyCheckpointSignature,
} from './checkpoint.ts';
export { type ContractRuntime, installedContracts } from './contract-runtime.ts';
export type { EmbeddedLedger } from './embedded/embedded-ledger.ts';
export type { BackupResult } from './embedded/maintenance-worker.ts';
export { createEmbeddedLedger, type EmbeddedLedgerOptions, openEmbeddedLedger } from './embedded/open.ts';
export {
  HISTORY_LIMIT_MAX,
  type Ledger,
  type LostRange,
  type Place,
  type PortCode,
  RANGE_LIMIT_MAX,
  type SubmitResult,
  type TransactionOutcome,
  type TransactionView,
  type Version,
} from './ledger.ts';
export { LedgerError, type LedgerErrorCode } from './ledger-error.ts';
export { createPure } from './pure.ts';
