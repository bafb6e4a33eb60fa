import { nextRecoveryKeyOf, type PidEntry, RECOVERY_KEYS_MAX, RECOVERY_TURNS_MAX, recoveryKeyOf } from '@salus/wallet';

/** Which of the code's keys is the recovery key of a pid. */
type RecoveryPlace = Pick<PidEntry, 'recoveryIndex' | 'recoveryTurn'>;

type RecoveryKey = ReturnType<typeof recoveryKeyOf>;

/** Keys of claims that a log-in is tried with, before anything tells which one it is. */
const CLAIMS_TRIED = 48;

/** The keys that may be a pid's recovery key now, the likelier ones first: neither was there ever much of. */
export function* recoveryKeysOf(secret: Uint8Array, pid: string): Generator<RecoveryKey> {
  for (let number = 0; number < Math.max(CLAIMS_TRIED, RECOVERY_TURNS_MAX); number += 1) {
    if (number < CLAIMS_TRIED) yield recoveryKeyOf(secret, number);
    if (number < RECOVERY_TURNS_MAX) yield nextRecoveryKeyOf(secret, pid, number + 1);
  }
}

/** @returns what finds the place of a pid's recovery key, undefined where it is none of the code's */
export function recoveryPlaces(secret: Uint8Array): (pid: string, publicKey: string) => RecoveryPlace | undefined {
  const claims: string[] = [];
  const claimAt = (index: number): string => {
    claims[index] ??= recoveryKeyOf(secret, index).publicKey;
    return claims[index];
  };
  return (pid, publicKey) => {
    for (let turn = 1; turn <= RECOVERY_TURNS_MAX; turn += 1) {
      if (nextRecoveryKeyOf(secret, pid, turn).publicKey === publicKey) return { recoveryIndex: 0, recoveryTurn: turn };
    }
    for (let recoveryIndex = 0; recoveryIndex < RECOVERY_KEYS_MAX; recoveryIndex += 1) {
      if (claimAt(recoveryIndex) === publicKey) return { recoveryIndex };
    }
    return undefined;
  };
}
