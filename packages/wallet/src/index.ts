export { restoreContent } from './backup.ts';
export {
  CALL_LIFETIME_MS,
  type CallContent,
  deviceEntry,
  type Occasion,
  type PreparedCall,
  pidSigner,
  prepareCall,
} from './calls.ts';
export {
  actingEntry,
  type GrantEntry,
  grantEntry,
  type PidEntry,
  parseContent,
  pidEntry,
  RECOVERY_KEYS_KEPT,
  RECOVERY_KEYS_MAX,
  type SeenCheckpoint,
  type WalletContent,
  type WardEntry,
  withCheckpoint,
  withGrant,
  withoutGrant,
  withoutPid,
  withoutWard,
  withPid,
  withRevoked,
  withWard,
} from './content.ts';
export { type DeviceCode, formatDeviceCode, parseDeviceCode } from './device-code.ts';
export {
  backupKeyOf,
  type DeviceKeys,
  derivedDeviceKeys,
  derivedKeyPairs,
  nextRecoveryKeyOf,
  recoveryKeyOf,
} from './device-keys.ts';
export { answerDispute, dispute, withdrawDispute } from './disputes.ts';
export { type EmergencyCard, makeCard } from './emergency-card.ts';
export type { GrantChoice } from './grant-terms.ts';
export { type GrantToken, sealToken } from './grant-token.ts';
export { answer, grant, narrow, type PreparedGrant, revoke } from './grants.ts';
export {
  appointGuardian,
  endGuardian,
  GUARDIAN_OFFER_VERSION,
  type GuardianChoice,
  type GuardianOffer,
  guardianOffer,
  guardianUntil,
  keepWard,
  staffAppointGuardian,
} from './guardians.ts';
export { type KeyEnvelope, type ListedKey, openEnvelope, opened, type Seal, sealDigest } from './key-envelopes.ts';
export { type ContestedGrant, contestedGrants, laterCheckpoint, mergeContents } from './merge-contents.ts';
export {
  addDevice,
  answerChallenge,
  backUp,
  claim,
  closePid,
  contentOf,
  createPatientWallet,
  deviceSigner,
  type NewWallet,
  ownDevice,
  type PatientWallet,
  RECOVERY_TURNS_MAX,
  recover,
  removeDevice,
  type WalletChange,
} from './patient-wallet.ts';
export { PLACES_VERSION, type Place, sealPlaces } from './places.ts';
export { formatRecoveryCode, parseRecoveryCode } from './recovery-code.ts';
export { claimKeyOf, formatSlip, parseSlip, type Slip } from './slip.ts';
export {
  accessRequest,
  delegation,
  type EmergencyNeed,
  emergencyRequest,
  locateRequest,
  type ReaderRequest,
  type RequestText,
  reviewEmergency,
  type StaffWallet,
  staffCall,
  useRequest,
} from './staff-wallet.ts';
export { WalletError, type WalletErrorCode } from './wallet-error.ts';
