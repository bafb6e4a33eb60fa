import { concatBytes, hashTupleBytes, toBase64url } from '@salus/crypto';
import { fromCrockford, toCrockford } from './crockford.ts';
import { WalletError } from './wallet-error.ts';

const SECRET_BYTES = 32;
const CHECK_BYTES = 3;
const GROUP_LENGTH = 4;

/**
 * The recovery secret as people keep it: 35 bytes (secret and a check value) in 14 groups of four.
 * It is shown once, at the first claim, and kept on no device.
 */
export function formatRecoveryCode(secret: Uint8Array): string {
  const text = toCrockford(concatBytes(secret, checkOf(secret)));
  return (text.match(new RegExp(`.{1,${GROUP_LENGTH}}`, 'g')) ?? []).join('-');
}

/** @throws WalletError `bad-recovery-code` where a group is missing or a character was misread. */
export function parseRecoveryCode(text: string): Uint8Array {
  const bytes = fromCrockford(text.replaceAll(/[\s-]/g, '').slice(0, 80));
  if (bytes?.length !== SECRET_BYTES + CHECK_BYTES) {
    throw new WalletError('bad-recovery-code', 'A recovery code has 14 groups of four letters and digits.');
  }
  const secret = bytes.slice(0, SECRET_BYTES);
  if (toBase64url(bytes.subarray(SECRET_BYTES)) !== toBase64url(checkOf(secret))) {
    throw new WalletError(
      'bad-recovery-code',
      'A character of the recovery code was misread: its check value differs.',
    );
  }
  return secret;
}

function checkOf(secret: Uint8Array): Uint8Array {
  return hashTupleBytes('recovery-check', toBase64url(secret)).subarray(0, CHECK_BYTES);
}
