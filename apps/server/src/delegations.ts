import { DELEGATION_DURATION_MAX_MS, type IdentityFact, type SignedDelegation } from '@salus/contracts';
import { canonicalBytes, fromBase64url, type Json, verifyEs256 } from '@salus/crypto';
import { ServerError } from './server-error.ts';

/**
 * Refuses a delegation that the contract would refuse with every write: told at once, the person can sign another. The
 * contract decides all the same.
 *
 * @throws ServerError `bad-request` naming what is wrong with it
 */
export function checkDelegation(
  { payload, signature }: SignedDelegation,
  {
    network,
    user,
    delegate,
    nowMs,
  }: { readonly network: string; readonly user: IdentityFact; readonly delegate: string; readonly nowMs: number },
): void {
  demand(payload.network === network, 'is for another network');
  demand(payload.user === user.id, 'is signed for another person');
  demand(payload.delegate === delegate, 'is for another node or app than the one that would write');
  demand(payload.notBeforeMs <= nowMs && nowMs < payload.notAfterMs, 'is not valid now');
  demand(payload.notAfterMs - payload.notBeforeMs <= DELEGATION_DURATION_MAX_MS, 'is valid for more than 12 hours');
  const message = canonicalBytes(payload as unknown as Json);
  demand(isSigned(user.publicKey, message, signature), 'is not signed by the key that the ledger lists');
}

function demand(condition: boolean, problem: string): void {
  if (!condition) throw new ServerError('bad-request', `The delegation ${problem}.`);
}

function isSigned(publicKey: string, message: Uint8Array, signature: string): boolean {
  // The schema lets through 86 characters of which the last may carry stray bits: no signature, and no reason to fail.
  if (!/[AQgw]$/.test(signature)) return false;
  return verifyEs256(publicKey, message, fromBase64url(signature));
}
