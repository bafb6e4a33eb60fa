export { type DataLayout, dataLayout, findNetworkFile, lockDataDirectory, type NetworkFile } from './data-directory.ts';
export {
  type Credentials,
  credentialsFile,
  type PatientCredential,
  readCredentials,
} from './demonstration/credentials.ts';
export { runServer } from './main.ts';
export { ensureMasterKeys, type MasterKeys, readMasterKeys } from './master-keys.ts';
export { partData } from './moved-data.ts';
export { type RunningServer, startServer } from './server.ts';
export { ServerError, type ServerErrorCode } from './server-error.ts';
export { readSettings, SETTING_NAMES, type Settings } from './settings.ts';
export type { StaffCredential } from './staff-credentials.ts';
