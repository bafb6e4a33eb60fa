import {
  type Occasion,
  type PatientWallet,
  type PidEntry,
  type PreparedCall,
  recover,
  type SeenCheckpoint,
} from '@salus/wallet';
import type { ApiClient } from './api-client.ts';
import { ClientError, isCallRefused } from './client-error.ts';
import { putBackup } from './consents.ts';
import type { Restored } from './restored.ts';
import { type FoundCheckpoint, findSeen } from './seen-checkpoints.ts';
import { asPatient, submitCall } from './session.ts';

/** What became of one pid of a recovered wallet. */
export type RecoveryOutcome =
  | { readonly organisation: string; readonly pid: string; readonly block: number }
  | {
      readonly organisation: string;
      readonly pid: string;
      readonly error: ClientError;
      /** Whether the call ended nothing; else it may have been done, and the keys that it names must be kept. */
      readonly isRefused: boolean;
    };

/** A key change that went out, of whose end nothing is known: sent again as it is, it says its end. */
export interface UnansweredCall extends PreparedCall {
  readonly organisation: string;
  readonly pid: string;
  /** The pid in the wallet before this call, to which a refusal goes back; null where there was none. */
  readonly before: PidEntry | null;
}

export interface Recovery {
  readonly wallet: PatientWallet;
  readonly outcomes: readonly RecoveryOutcome[];
  readonly unanswered: readonly UnansweredCall[];
  /** Whether each node that gave its pid back has the wallet's new backup. */
  readonly isBackedUp: boolean;
  /** Whether the node shows, of the ledger, all that the devices had seen of it; else a backup was made up, or the ledger was. */
  readonly isLedgerKnown: boolean;
}

/**
 * Gives every pid of what `restoreBackups` has just found to this device alone. `save` is called before each call goes out, for the keys must be
 * kept before the ledger gives them the pid, and after its end; one pid that is closed does not keep the others.
 */
export async function recoverPids(
  api: ApiClient,
  { content, seen, keys }: Pick<Restored, 'content' | 'seen'> & Pick<PatientWallet, 'keys'>,
  {
    recoveryCode,
    nowMs,
    save,
  }: {
    readonly recoveryCode: string;
    nowMs(): number;
    save(wallet: PatientWallet, unanswered: readonly UnansweredCall[]): Promise<void>;
  },
): Promise<Recovery> {
  let wallet: PatientWallet = { content, keys };
  const outcomes: RecoveryOutcome[] = [];
  let unanswered: readonly UnansweredCall[] = [];
  for (const before of content.pids) {
    const { pid, organisation } = before;
    const occasion: Occasion = { network: content.network, nowMs: nowMs() };
    const { call, privateArgs, wallet: changed } = await recover(wallet, occasion, { pid, recoveryCode });
    const sent: UnansweredCall = { organisation, pid, before, call, privateArgs };
    await save(changed, [...unanswered, sent]);
    const outcome = await submitRecovery(api, sent);
    outcomes.push(outcome);
    const isRefused = 'error' in outcome && outcome.isRefused;
    if ('error' in outcome && !isRefused) unanswered = [...unanswered, sent];
    if (!isRefused) wallet = changed;
    await save(wallet, unanswered);
  }
  const { checkpoint, isLedgerKnown } = await compareSeen(api, wallet, outcomes, seen);
  if (checkpoint !== null) {
    wallet = { ...wallet, content: { ...wallet.content, checkpoint } };
    await save(wallet, unanswered);
  }
  return { wallet, outcomes, unanswered, isLedgerKnown, isBackedUp: await backUpAt(api, wallet, outcomes) };
}

/** Asks the node of the first pid that answers: the recovery key alone sees no blocks. */
async function compareSeen(
  api: ApiClient,
  wallet: PatientWallet,
  outcomes: readonly RecoveryOutcome[],
  seen: readonly SeenCheckpoint[],
): Promise<FoundCheckpoint> {
  if (seen.length === 0) return { checkpoint: null, isLedgerKnown: true };
  for (const outcome of outcomes) {
    if ('error' in outcome) continue;
    try {
      return await asPatient(api, wallet, outcome.pid, (session) => findSeen(session, wallet.content.network, seen));
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
    }
  }
  return { checkpoint: null, isLedgerKnown: false };
}

async function submitRecovery(api: ApiClient, sent: UnansweredCall): Promise<RecoveryOutcome> {
  const { organisation, pid } = sent;
  try {
    const { block } = await submitCall(api, organisation, sent);
    return { organisation, pid, block };
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    return { organisation, pid, error, isRefused: isCallRefused(error) };
  }
}

/** The pids are this device's whether this succeeds or not. */
async function backUpAt(api: ApiClient, wallet: PatientWallet, outcomes: readonly RecoveryOutcome[]): Promise<boolean> {
  let isBackedUp = true;
  for (const outcome of outcomes) {
    if ('error' in outcome) continue;
    try {
      await asPatient(api, wallet, outcome.pid, (session) => putBackup(session, wallet));
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      isBackedUp = false;
    }
  }
  return isBackedUp;
}
