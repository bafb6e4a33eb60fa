/**
 * How the embedded engine stores blocks, state, history and checkpoints: for the engine that follows a Fabric channel, whose
 * replica is of the same form.
 */
export {
  BLOCK_TRANSACTIONS_MAX,
  deepFreeze,
  genesisHash,
  nextCommitment,
  rootOf,
  type SealedHeader,
  textLeaf,
  viewOf,
  writesText,
} from './block.ts';
export {
  BlockBuilder,
  overlaid,
  type RecordedCall,
  type WriteText,
  writeTexts,
} from './embedded/block-builder.ts';
export { type CheckpointEntry, CheckpointFile, readCheckpointFile } from './embedded/checkpoint-file.ts';
export { findLostRange } from './embedded/lost-range.ts';
export { Maintenance } from './embedded/maintenance.ts';
export { placeOf, positionOf } from './embedded/schema.ts';
export { type ExtraTables, LedgerStore, type SealedRow, type StoredVersion } from './embedded/store.ts';
export { WorldState } from './embedded/world-state.ts';
export { type CallPure, createPure, verifyText } from './pure.ts';
export { openReadOnly } from './verify/read-only.ts';
