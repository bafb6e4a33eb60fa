import type { Context } from '../context.ts';
import { ContractError } from '../errors.ts';

/** The organisation of the member who calls; every transaction of this contract is of its caller's own organisation. */
export function callerOrganisation(context: Context): string {
  if (context.caller.kind !== 'id') throw new ContractError('signer-not-allowed');
  return context.caller.organisation;
}
