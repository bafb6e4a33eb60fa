import type { Replay, RevocationJournal } from './revocation-journal.ts';
import type { Vault } from './vault.ts';

/**
 * Brings back what was taken back, before anything is released: at every start, and again when `access.rollback` has
 * named a lost range. Revocations are sent again, erasures are repeated on the bytes, and the guards open unless a
 * member's revocation waits for an administrator.
 */
export async function replayRevocations(journal: RevocationJournal, vaults: readonly Vault[]): Promise<Replay> {
  for (const { guard } of vaults) guard.demandReplay();
  const replay = await journal.replay();
  for (const { leafStates } of vaults) await leafStates.eraseAgain(replay.erased);
  if (replay.outstanding.length > 0) return replay;
  for (const { guard } of vaults) guard.revocationsReplayed();
  return replay;
}
