import { type HpkeKey, openHpke, type SealedEnvelope } from '@salus/crypto';
import { parseContent, RECOVERY_KEYS_MAX, type WalletContent } from './content.ts';
import { backupKeyOf, recoveryKeyOf } from './device-keys.ts';
import { parseRecoveryCode } from './recovery-code.ts';
import { WalletError } from './wallet-error.ts';

export const BACKUP_INFO = 'salus:wallet-backup:v1';

/** Pids of one backup, and wards: each pid is looked up before a recovery goes on. */
const PIDS_MAX = 64;
const PID = /^[\w-]{22}$/;
const KID_LENGTH_MAX = 43;

/**
 * Opens a backup on a new device. Whoever knows the public key can seal to it, so that what is in it counts as said by
 * whoever once held a device: the recovery keys must be the code's, and the rest is compared with the ledger.
 *
 * @throws WalletError `bad-recovery-code`; `wrong-network`; `bad-wallet` where the backup, or a key in it, is not of this
 * code, or it holds what no wallet writes
 */
export async function restoreContent(
  network: string,
  recoveryCode: string,
  backup: SealedEnvelope,
): Promise<WalletContent> {
  const secret = parseRecoveryCode(recoveryCode);
  const key = await backupKeyOf(secret);
  const content = parseBackup(await openBackup(network, key, backup));
  if (content.network !== network) throw wrongNetwork();
  const { backupKey, recoveryKeys, recoveryNext, pids, wards = [] } = content;
  // A key of theirs as a recovery key would take the pids over.
  const isOfCode =
    backupKey === key.publicKey &&
    recoveryKeys.length <= RECOVERY_KEYS_MAX &&
    recoveryKeys.every((publicKey, index) => publicKey === recoveryKeyOf(secret, index).publicKey);
  if (!isOfCode) throw new WalletError('bad-wallet', 'The backup names keys that are not of this code.');
  // A counter beyond the keys would use them up, and names that are no pids would end the recovery at the node.
  const isWritten =
    recoveryNext <= recoveryKeys.length &&
    pids.length <= PIDS_MAX &&
    wards.length <= PIDS_MAX &&
    pids.every(({ pid, kid }) => PID.test(pid) && kid.length <= KID_LENGTH_MAX);
  if (!isWritten) throw new WalletError('bad-wallet', 'The backup holds what no wallet writes.');
  return content;
}

export function wrongNetwork(): WalletError {
  return new WalletError('wrong-network', 'The slip or backup belongs to another network than this wallet.');
}

/** What is malformed is a bad backup, in whichever of its parts. */
function parseBackup(bytes: Uint8Array): WalletContent {
  try {
    return parseContent(bytes);
  } catch (cause) {
    if (cause instanceof WalletError) throw cause;
    throw new WalletError('bad-wallet', 'The content of the backup is malformed.', { cause });
  }
}

async function openBackup(network: string, key: HpkeKey, backup: SealedEnvelope): Promise<Uint8Array> {
  try {
    return await openHpke({
      privateKey: key.privateKey,
      publicKey: key.publicKey,
      info: [BACKUP_INFO, network],
      envelope: backup,
    });
  } catch (cause) {
    throw new WalletError('bad-wallet', 'This recovery code does not open this backup.', { cause });
  }
}
