import { MOVE_KEY, type MoveFact } from '@salus/contracts';
import { laterCheckpoint, type SeenCheckpoint, WalletError } from '@salus/wallet';
import { ClientError } from './client-error.ts';
import { followLedger } from './ledger-proofs.ts';
import { type NodeSession, readState } from './session.ts';

/** What a recovered wallet holds on to. */
export interface FoundCheckpoint {
  readonly checkpoint: SeenCheckpoint | null;
  /** Whether the node's ledger leads on from each that was asked for. */
  readonly isLedgerKnown: boolean;
}

/**
 * The furthest of the checkpoints that a patient's devices left, among those from which the node's ledger leads on. One that
 * was made up would else have every later look say that the ledger was cut, and a forged ledger pass for the one that was seen.
 */
export async function findSeen(
  session: NodeSession,
  network: string,
  seen: readonly SeenCheckpoint[],
): Promise<FoundCheckpoint> {
  let checkpoint: SeenCheckpoint | null = null;
  let isLedgerKnown = true;
  for (const one of seen) {
    if (await isFollowed(session, network, one)) checkpoint = laterCheckpoint(checkpoint, one);
    else isLedgerKnown = false;
  }
  return { checkpoint, isLedgerKnown };
}

async function isFollowed(session: NodeSession, network: string, checkpoint: SeenCheckpoint): Promise<boolean> {
  try {
    // Of a channel that there is not, the first block of the ledger would pass for one, and beat every other.
    const move = checkpoint.onChannel === true ? await readState<MoveFact>(session, MOVE_KEY) : null;
    if (checkpoint.onChannel === true && move?.status !== 'migrated') return false;
    await followLedger(session, { network, checkpoint });
    return true;
  } catch (error) {
    if (error instanceof WalletError || (error instanceof ClientError && error.code === 'proof-invalid')) return false;
    throw error;
  }
}
