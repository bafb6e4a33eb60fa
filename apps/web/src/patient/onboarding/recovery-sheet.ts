import { formatRecoveryCode, parseRecoveryCode, WalletError } from '@salus/wallet';

/** What stands on the printed sheet: with it alone a record is recovered on a new device. */
export interface RecoverySheet {
  readonly organisation: string;
  readonly pid: string;
  /** 14 groups of four, with a check value of its own. */
  readonly recoveryCode: string;
}

const SHEET = /^SALUS-RECOVERY:1:([a-z][a-z0-9-]{1,31}):([A-Za-z0-9_-]{22}):([0-9A-Za-z-]{56,80})$/;

export function formatSheet({ organisation, pid, recoveryCode }: RecoverySheet): string {
  return `SALUS-RECOVERY:1:${organisation}:${pid}:${recoveryCode}`;
}

/** @throws WalletError `bad-recovery-code` */
export function parseSheet(text: string): RecoverySheet {
  const [, organisation, pid, code] = SHEET.exec(text.trim()) ?? [];
  if (organisation === undefined || pid === undefined || code === undefined) {
    throw new WalletError(
      'bad-recovery-code',
      'The line of a recovery sheet begins with SALUS-RECOVERY:1: and has three more parts.',
    );
  }
  return { organisation, pid, recoveryCode: formatRecoveryCode(parseRecoveryCode(code)) };
}
