import { type ApiClient, fetchBackup, type RecoveryOutcome, readNetwork, recoverPids } from '@salus/client';
import { restoreContent } from '@salus/wallet';
import type { SignIn } from '../../session/index.ts';
import { parseSheet, type RecoverySheet } from './recovery-sheet.ts';
import { combineShares } from './trustees.ts';

/** One line of a recovery sheet, or the lines of enough shares. @throws WalletError `bad-recovery-code`, `bad-share` */
export async function readLines(text: string): Promise<RecoverySheet> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const [first = ''] = lines;
  return first.trim().startsWith('SALUS-SHARE') ? combineShares(lines) : parseSheet(first);
}

/**
 * Makes this browser the patient's only device. Nothing is changed before the code has opened the backup.
 *
 * @returns the organisations that could not give their pid back.
 * @throws ClientError `wrong-recovery-code`; WalletError `bad-recovery-code`, `bad-wallet`, `weak-pin`
 */
export async function recoverHere(
  { api, nowMs }: { readonly api: ApiClient; readonly nowMs: () => number },
  signIn: SignIn,
  { sheet, pin }: { readonly sheet: RecoverySheet; readonly pin: string },
): Promise<readonly string[]> {
  const { recoveryCode } = sheet;
  const network = await readNetwork(api);
  const content = await restoreContent(network, recoveryCode, await fetchBackup(api, { network, ...sheet }));
  await signIn.newDevice(pin);
  let outcomes: readonly RecoveryOutcome[];
  try {
    ({ outcomes } = await recoverPids(
      api,
      { content, keys: signIn.ownKeys() },
      { recoveryCode, nowMs, save: (wallet) => signIn.savePatient(wallet.content) },
    ));
  } catch (error) {
    await signIn.forget();
    throw error;
  }
  const refused = outcomes.filter((outcome) => 'error' in outcome);
  const [reason] = refused;
  if (reason !== undefined && refused.length === outcomes.length) {
    await signIn.forget();
    throw reason.error;
  }
  return refused.map(({ organisation }) => organisation);
}
