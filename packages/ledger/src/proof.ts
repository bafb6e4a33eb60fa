export { type Block, type BlockHeader, hashOfHeader } from './block-header.ts';
export { type Checkpoint, findCheckpoint, verifyCheckpointSignature } from './checkpoint.ts';
export { FABRIC_BLOCK_VERSION } from './fabric-block.ts';
export type { RecordedOutcome, TransactionView } from './ledger.ts';
export { findRecordRoot, RECORD_PROOF_VERSION, type RecordProof } from './record-proof.ts';
