export { writePrivateFile } from './private-file.ts';
export { patientWalletOf, type StoredWallet, staffWalletOf } from './stored-wallet.ts';
export { openWalletFile, saveWalletFile } from './wallet-file.ts';
