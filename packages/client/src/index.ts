export { isRecordAnchored } from './anchored-proof.ts';
export { type ApiClient, type ApiRequest, apiClient } from './api-client.ts';
export { lendToApp, listStaffApps, type StaffApp, takeBackFromApp } from './app-lending.ts';
export type { AuditEvent, AuditWho, GivenLine } from './audit-line.ts';
export { type CheckedLine, checkLines } from './audit-proofs.ts';
export { CLIENT_CODES, ClientError, type ClientErrorCode, isCallRefused, isUnanswered } from './client-error.ts';
export {
  deliverToken,
  type HeldEmergency,
  type HeldGrant,
  handOverToken,
  isAtHome,
  listGrants,
  listRequests,
  type PatientRequest,
  putBackup,
  readListedKeys,
  recipientsOf,
  sendAnswer,
  submitGrant,
} from './consents.ts';
export {
  confirmJoin,
  type DeviceJoin,
  type DeviceOffer,
  type ListedDevice,
  leaveJoin,
  listDevices,
  OFFERED_PIDS_MAX,
  type OfferedDevice,
  offerDevice,
  openJoin,
  parseJoin,
  parseOffer,
  sealJoin,
  takeJoin,
} from './devices.ts';
export { type Opening, type OpeningGroup, opensRecord, previewOpening } from './grant-preview.ts';
export { type GuardianAct, listGuardians } from './guardians.ts';
export {
  checkHeader,
  checkSignatures,
  checkTransaction,
  compareCheckpoint,
  FOLLOWED_BLOCKS_MAX,
  type FollowedLedger,
  followLedger,
  type ProvenTransaction,
  readCheckpoint,
  type SeenLedger,
  type SignedHeader,
} from './ledger-proofs.ts';
export { checkLine, checkLogProof, type LogProof, type ProvenLine, readLogProof } from './log-proof.ts';
export { checkOwnRecord, type ProvenRecord } from './own-record-proof.ts';
export {
  type ListedRecord,
  leafReferenceOf,
  listOwnRecords,
  type OwnKeys,
  type OwnRecord,
  openOwnKeys,
  readKeys,
  readOwnRecord,
  readOwnRecords,
  SEALED_PAGE,
  type SealedRecord,
} from './own-records.ts';
export {
  type BroughtProofs,
  BUNDLE_BYTES_MAX,
  type BundledResource,
  proofsIn,
  provenBundle,
  proveOwnRecord,
} from './proven-bundle.ts';
export { isShownAsProven } from './proven-text.ts';
export {
  type Chart,
  type ChartPair,
  findReferenced,
  listUsable,
  openReading,
  type ReadingSession,
  type ReadResource,
  readChart,
  readContents,
  readRecord,
  type UsableGrant,
} from './reading.ts';
export { type CheckedRecord, checkRecordProof, type RecordProof } from './record-proof.ts';
export { type RecoveryOutcome, recoverPids, type UnansweredCall } from './recovery.ts';
export { type RecoveryStart, type Restored, restoreBackups } from './restored.ts';
export {
  asPatient,
  type Committed,
  delegateToNode,
  logInPatient,
  logInStaff,
  logOut,
  type NodeSession,
  readNetwork,
  readState,
  type StaffAtWork,
  type StaffNodeSession,
  submitCall,
  WRITING_SCOPE,
  whileLoggedIn,
} from './session.ts';
