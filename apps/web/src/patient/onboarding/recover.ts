import { type ApiClient, readNetwork, recoverPids, restoreBackups } from '@salus/client';
import type { SignIn } from '../../session/index.ts';
import { NOTHING_UNFINISHED } from '../../session/unfinished.ts';
import { parseSheet, type RecoverySheet } from './recovery-sheet.ts';
import { combineShares } from './trustees.ts';

/** One line of a recovery sheet, or the lines of enough shares. @throws WalletError `bad-recovery-code`, `bad-share` */
export async function readLines(text: string): Promise<RecoverySheet> {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const [first = ''] = lines;
  return first.trim().startsWith('SALUS-SHARE') ? combineShares(lines) : parseSheet(first);
}

/** Organisations that did not give their pid back. */
export interface NotRecovered {
  readonly refused: readonly string[];
  /** Whose answer did not come: this device asks again by itself. */
  readonly unanswered: readonly string[];
  /** What the person must know although all came back. */
  readonly notes: readonly RecoveryNote[];
}

/** No backup was found, so that no other hospital is known; or what the devices had seen of the ledger is not what there is. */
type RecoveryNote = 'noBackup' | 'otherLedger';

/**
 * Makes this browser the patient's only device. Nothing is changed before the code has opened its pid; what was drawn
 * here is removed only where no call went out, or each was refused: else the ledger may have taken these keys.
 *
 * @throws ClientError `wrong-recovery-code`; WalletError `bad-recovery-code`, `weak-pin`
 */
export async function recoverHere(
  { api, nowMs }: { readonly api: ApiClient; readonly nowMs: () => number },
  signIn: Pick<SignIn, 'newDevice' | 'ownKeys' | 'savePatient' | 'forget'>,
  { sheet, pin }: { readonly sheet: RecoverySheet; readonly pin: string },
): Promise<NotRecovered> {
  const network = await readNetwork(api);
  const start = { network, ...sheet };
  const { content, seen, hasBackup } = await restoreBackups(api, start);
  await signIn.newDevice(pin);
  let isSent = false;
  try {
    const recovery = await recoverPids(
      api,
      { content, seen, keys: signIn.ownKeys() },
      {
        recoveryCode: sheet.recoveryCode,
        nowMs,
        save: async (wallet, calls) => {
          await signIn.savePatient(wallet.content, { ...NOTHING_UNFINISHED, calls, owesBackup: true });
          isSent = true;
        },
      },
    );
    const failed = recovery.outcomes.flatMap((outcome) => ('error' in outcome ? [outcome] : []));
    const [reason] = failed;
    if (reason !== undefined && recovery.outcomes.every((outcome) => 'error' in outcome && outcome.isRefused)) {
      isSent = false;
      throw reason.error;
    }
    const { wallet, unanswered: calls, isBackedUp, isLedgerKnown } = recovery;
    await signIn.savePatient(wallet.content, { ...NOTHING_UNFINISHED, calls, owesBackup: !isBackedUp });
    const names = (isRefused: boolean) =>
      failed.filter((outcome) => outcome.isRefused === isRefused).map(({ organisation }) => organisation);
    const notes = [...(hasBackup ? [] : ['noBackup' as const]), ...(isLedgerKnown ? [] : ['otherLedger' as const])];
    return { refused: names(true), unanswered: names(false), notes };
  } catch (error) {
    if (!isSent) await signIn.forget();
    throw error;
  }
}
