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
  type GrantEntry,
  grantEntry,
  type PidEntry,
  parseContent,
  pidEntry,
  type SeenCheckpoint,
  type WalletContent,
  withCheckpoint,
  withGrant,
  withoutPid,
  withPid,
} from './content.ts';
export { type DeviceCode, formatDeviceCode, parseDeviceCode } from './device-code.ts';
export { backupKeyOf, type DeviceKeys, derivedDeviceKeys, recoveryKeyOf } from './device-keys.ts';
export {
  answer,
  type EmergencyCard,
  type GrantChoice,
  type GrantToken,
  grant,
  type KeyEnvelope,
  type ListedKey,
  makeCard,
  narrow,
  openEnvelope,
  opened,
  type PreparedGrant,
  revoke,
  type Seal,
  sealDigest,
  sealToken,
} from './grants.ts';
export {
  addDevice,
  answerChallenge,
  backUp,
  claim,
  closePid,
  createPatientWallet,
  deviceSigner,
  type NewWallet,
  ownDevice,
  type PatientWallet,
  recover,
  removeDevice,
  restoreContent,
  type WalletChange,
} from './patient-wallet.ts';
export { formatRecoveryCode, parseRecoveryCode } from './recovery-code.ts';
export { claimKeyOf, formatSlip, parseSlip, type Slip } from './slip.ts';
export {
  accessRequest,
  delegation,
  type EmergencyNeed,
  emergencyRequest,
  type ReaderRequest,
  type RequestText,
  type StaffWallet,
  staffCall,
  useRequest,
} from './staff-wallet.ts';
export { WalletError, type WalletErrorCode } from './wallet-error.ts';
