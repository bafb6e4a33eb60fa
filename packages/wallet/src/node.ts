export { writePrivateFile } from './private-file.ts';
export { openWalletFile, patientWalletOf, type StoredWallet, saveWalletFile, staffWalletOf } from './wallet-file.ts';
