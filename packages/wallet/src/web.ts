export { openWallet, type StoredWallet, WALLET_FILE_BYTES_MAX } from './stored-wallet.ts';
export type { KeyValueStore } from './web/key-value-store.ts';
export {
  addPasskey,
  createLock,
  findLock,
  masterByPasskey,
  masterByPin,
  type PasskeyName,
  PIN_LENGTH_MAX,
  PIN_LENGTH_MIN,
  PIN_TRIES_MAX,
} from './web/lock.ts';
export { endOverdue, endUnattended } from './web/opening.ts';
export type { SealedStore } from './web/sealed-store.ts';
export { lockWebDevice, openWebDevice, resumeWebDevice, type WebDevice } from './web/web-device.ts';
