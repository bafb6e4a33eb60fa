export { type CheckpointFact, checkpointKey, type RollbackFact, rollbackKey } from './access/checkpoint.ts';
export { IMPORT_KEY, type ImportFact, type LedgerEnd, MOVE_KEY, type MoveFact } from './access/move.ts';
export { type ReportFact, reportKey } from './access/report.ts';
export { LOG_NAMES, type LogName, type LogRootFact, logRootKey } from './access/root.ts';
export { ARGS_LIMITS, NOT_AFTER_AHEAD_MAX_MS, parseCall, parseSigner, type SignerName } from './call.ts';
export { contracts } from './catalogue.ts';
export { CONTRACT_CODES } from './codes.ts';
export {
  cardMessage,
  EMERGENCY_MAX_MS,
  EMERGENCY_REASONS,
  type EmergencyFact,
  emergencyKey,
} from './consent/emergency.ts';
export {
  type ForestalledGrantFact,
  type GrantFact,
  grantKey,
  type KnownGrantFact,
} from './consent/grant-fact.ts';
export { studyRole } from './consent/holding.ts';
export { isDelegation, isNarrower, isNarrowing } from './consent/narrower.ts';
export { PURPOSES, type Purpose } from './consent/purposes.ts';
export { SESSION_MS, type SessionFact, type SpentFact, sessionKey } from './consent/reader-request.ts';
export {
  ANSWERS,
  REQUEST_VERSION,
  type RequestFact,
  type RequestStatus,
  type RequestTerms,
  requestKey,
} from './consent/request.ts';
export { REVIEW_OUTCOMES, REVIEWING_ROLES } from './consent/review.ts';
export type { Seal } from './consent/seals.ts';
export {
  DELEGATION_DEPTH_MAX,
  type Grantee,
  type GrantKind,
  grantCommitment,
  type OpenedTerms,
  parseGrantee,
  parseTerms,
  TERMS_VERSION,
  type Terms,
} from './consent/terms.ts';
export type {
  Caller,
  CallPayload,
  CertificateFacts,
  Context,
  DelegationPayload,
  Entry,
  Event,
  Execution,
  Host,
  MemberCaller,
  MemberKind,
  Outcome,
  PatientCaller,
  PatientKeyCaller,
  PrivateArgs,
  Pure,
  SignedCall,
  SignedDelegation,
  SignerKind,
  Write,
} from './context.ts';
export { DELEGATION_DURATION_MAX_MS } from './delegation.ts';
export { type EpochFact, epochKey, FIRST_EPOCH } from './epoch.ts';
export { type ContractCode, ContractError } from './errors.ts';
export { type CallFact, CONTRACTS_VERSION, callKey, execute } from './execute.ts';
export type { InnerTransaction } from './inner-call.ts';
export { type Json, type JsonLimits, type JsonMeasure, type JsonObject, measureJson } from './json.ts';
export {
  type AuthorityFact,
  type HpkeKeyFact,
  isLive,
  loadMembers,
  type Members,
  NETWORK_KEY,
  type NetworkFact,
  type RevokedFact,
  type RootsFact,
  revokedKey,
  rootsKey,
} from './members.ts';
export { type AuthenticityFact, authenticityKey } from './membership/authenticity.ts';
export { type IdentityFact, identityKey } from './membership/identity.ts';
export { type ProposalFact, proposalKey, type VoteFact, voteKey } from './membership/proposal.ts';
export { RELEASE_NAMES, type ReleaseFact, type ReleaseName, releaseKey } from './membership/release.ts';
export { KEY_BYTES_MAX, RANGE_MAX, WRITES_MAX } from './overlay.ts';
export { type ActFact, actKey } from './patient/act.ts';
export { DEVICES_MAX, type DeviceArgs, SEQUENCE_STEP_MAX } from './patient/device.ts';
export { GUARDIAN_MAX_MS, GUARDIANS_MAX } from './patient/guardian.ts';
export {
  type Appointment,
  birthdayMs,
  EVIDENCE_KINDS,
  GUARDIAN_SCOPES,
  GUARDIAN_VERSION,
  type GuardianScope,
  guardianCommitment,
} from './patient/guardian-terms.ts';
export { mergeCommitment, moveCommitment } from './patient/merge.ts';
export { type DeviceFact, deviceKey, type PatientFact, patientKey } from './patient/patient.ts';
export { CLAIM_DURATION_MAX_MS, type Registration } from './patient/register.ts';
export { findPrivatePid, readPrivateOrganisation } from './private-pid.ts';
export { BATCHES_MAX, TABLE_PAIRS_MAX } from './record/batch.ts';
export { REGISTRATIONS_MAX } from './record/commit.ts';
export {
  DISPUTE_ANSWER_VERSION,
  DISPUTE_OUTCOMES,
  DISPUTE_VERSION,
  type DisputeAnswer,
  type DisputeFact,
  type DisputeOutcome,
  type DisputeStatement,
  disputeAnswerCommitment,
  disputeCommitment,
  disputeKey,
} from './record/dispute.ts';
export { ERASURE_OPEN_MS, ERASURE_REASONS, type ErasureReason } from './record/erasure.ts';
export { BATCH_LEAVES_MAX, LEAVES_MAX, type LeafReference } from './record/leaf.ts';
export {
  type BatchFact,
  batchKey,
  type EndedLeaf,
  type ErasureFact,
  erasureKey,
  findEndedLeaf,
  type KeyFact,
  keyKey,
  LEAF_PREFIX,
  type LeafFact,
  type LeafStatus,
  leafKey,
  type TableFact,
  tableKey,
} from './record/record-facts.ts';
export {
  ADMINISTRATOR_ROLE,
  APPOINTING_ROLES,
  CLINICAL_ROLES,
  FEED_ROLE,
  hasRole,
  REGISTERING_ROLES,
  WRITING_ROLES,
} from './roles.ts';
export { signerKeyHint } from './signer.ts';
export type { AnyTransaction, ContractName, Transaction } from './transaction.ts';
