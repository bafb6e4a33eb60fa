import { equalBytes, fromBase64url, hashTupleBytes, toBase64url } from '@salus/crypto';
import { formatRecoveryCode, parseRecoveryCode, WalletError } from '@salus/wallet';
import { combine, split } from 'shamir-secret-sharing';
import type { RecoverySheet } from './recovery-sheet.ts';

export const TRUSTEES_MAX = 9;
export const TRUSTEES_MIN = 2;
const CHECK_BYTES = 16;
const SHARE_CHECK_BYTES = 3;
/** The secret and the share's own place on the curve. */
const SHARE_BYTES = 33;
const SHARE =
  /^SALUS-SHARE:1:([2-9]):([a-z][a-z0-9-]{1,31}):([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]{44}):([A-Za-z0-9_-]{4})$/;

interface Share {
  readonly needed: number;
  readonly organisation: string;
  readonly pid: string;
  /** Of the secret: names the set, and tells whether what was combined is the secret. */
  readonly check: Uint8Array;
  readonly bytes: Uint8Array;
}

/**
 * Splits a recovery code among trusted people: any `needed` of the shares give it back, fewer tell nothing (Shamir 1979).
 * Each share is one line that is printed; it names the pid, for the code alone does not say whose record it opens.
 */
export async function splitAmong(
  { organisation, pid, recoveryCode }: RecoverySheet,
  { people, needed }: { readonly people: number; readonly needed: number },
): Promise<readonly string[]> {
  if (needed < TRUSTEES_MIN || needed > people || people > TRUSTEES_MAX) {
    throw new WalletError(
      'bad-share',
      `Of ${TRUSTEES_MIN} to ${TRUSTEES_MAX} people at least ${TRUSTEES_MIN} are needed.`,
    );
  }
  const secret = parseRecoveryCode(recoveryCode);
  const check = checkOf(secret);
  const shares = await split(secret, people, needed);
  return shares.map((bytes) => formatShare({ needed, organisation, pid, check, bytes }));
}

/**
 * What the shares give, in any order. The library does not notice a wrong or foreign share: the check value does.
 *
 * @throws WalletError `bad-share` where one was misread or is of another set, or where there are too few.
 */
export async function combineShares(lines: readonly string[]): Promise<RecoverySheet> {
  const shares = lines.map(parseShare);
  const [first] = shares;
  if (first === undefined) throw new WalletError('bad-share', 'There is no share.');
  const { needed, organisation, pid, check } = first;
  const isOneSet = shares.every(
    (share) => equalBytes(share.check, check) && share.pid === pid && share.needed === needed,
  );
  if (!isOneSet) throw new WalletError('bad-share', 'These shares are not of one set.');
  const different = [...new Map(shares.map(({ bytes }) => [toBase64url(bytes), bytes])).values()];
  if (different.length < needed) {
    throw new WalletError('bad-share', `${needed} shares are needed, ${different.length} are here.`);
  }
  // The library's buffers must be its own.
  const secret = await combine(different.map((bytes) => bytes.slice())).catch((cause: unknown) => {
    throw new WalletError('bad-share', 'These shares do not fit together.', { cause });
  });
  if (!equalBytes(checkOf(secret), check)) throw new WalletError('bad-share', 'These shares do not fit together.');
  return { organisation, pid, recoveryCode: formatRecoveryCode(secret) };
}

function formatShare({ needed, organisation, pid, check, bytes }: Share): string {
  const body = `${needed}:${organisation}:${pid}:${toBase64url(check)}:${toBase64url(bytes)}`;
  return `SALUS-SHARE:1:${body}:${shareCheck(body)}`;
}

function parseShare(line: string): Share {
  const [, needed, organisation, pid, check, bytes, last] = SHARE.exec(line.trim()) ?? [];
  const misread = new WalletError(
    'bad-share',
    'A share was misread: it begins with SALUS-SHARE:1: and has six more parts.',
  );
  if (organisation === undefined || pid === undefined || check === undefined || bytes === undefined) throw misread;
  if (shareCheck(`${needed}:${organisation}:${pid}:${check}:${bytes}`) !== last) throw misread;
  const share = fromBase64url(bytes);
  if (share.length !== SHARE_BYTES) throw misread;
  return { needed: Number(needed), organisation, pid, check: fromBase64url(check), bytes: share };
}

function checkOf(secret: Uint8Array): Uint8Array {
  return hashTupleBytes('trustees-check', toBase64url(secret)).slice(0, CHECK_BYTES);
}

function shareCheck(body: string): string {
  return toBase64url(hashTupleBytes('share-check', body).slice(0, SHARE_CHECK_BYTES));
}
