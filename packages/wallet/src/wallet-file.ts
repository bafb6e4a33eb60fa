import { existsSync, readFileSync, statSync } from 'node:fs';
import { writePrivateFile } from './private-file.ts';
import { openWallet, type StoredWallet, sealWallet, WALLET_FILE_BYTES_MAX } from './stored-wallet.ts';
import { WalletError } from './wallet-error.ts';

/** Seals a wallet under a passphrase and replaces the file durably, mode 0600; a crash leaves the old or the new one. */
export async function saveWalletFile(file: string, passphrase: string, wallet: StoredWallet): Promise<void> {
  writePrivateFile(file, await sealWallet(passphrase, wallet));
}

/** @throws WalletError `wallet-missing`, `wallet-readable-by-others`, `wrong-passphrase`, `bad-wallet` */
export async function openWalletFile(file: string, passphrase: string): Promise<StoredWallet> {
  if (!existsSync(file)) throw new WalletError('wallet-missing', `There is no wallet at ${file}.`);
  const { mode, size } = statSync(file);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new WalletError('wallet-readable-by-others', `Others than the owner may read ${file}: run chmod 600 on it.`);
  }
  if (size > WALLET_FILE_BYTES_MAX) throw new WalletError('bad-wallet', 'The file is not a wallet of this version.');
  return openWallet(passphrase, readFileSync(file));
}
