export { createMasterKey, MASTER_KEY_BYTES, type MasterKey, type SealUse, type TokenUse } from './master-key.ts';
export { RecordsError, type RecordsErrorCode } from './records-error.ts';
export type * from './vault-types.ts';
