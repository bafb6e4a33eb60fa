import type { Owner } from '../args.ts';
import type { Context, MemberCaller } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import { readOpenPatient, readPatient } from '../patient/patient.ts';
import { FEED_ROLE, hasRole, WRITING_ROLES } from '../roles.ts';

/** The member that signed the call; the runtime has checked that it is one. */
export function memberOf(context: Context): MemberCaller {
  const { caller } = context;
  // The transaction's `signers` name only `id`: anything else is a broken runtime, not a refusal.
  if (caller.kind !== 'id') throw new Error('a member must have signed');
  return caller;
}

/** Does `organisation` keep the owner's records? Else `owner-foreign`, or `patient-unknown`. */
export async function demandOwnOwner(context: Context, owner: Owner, organisation: string): Promise<void> {
  const keeper = owner.kind === 'org' ? owner.organisation : (await readPatient(context, owner.pid)).organisation;
  demand(keeper === organisation, 'owner-foreign');
}

/**
 * May the caller write records of `owner`? A node or client of the organisation that keeps them; a patient's records only for
 * a user with a writing role who delegated it, or from a client that is a feed. Nothing is written to a pid that is closed or
 * merged.
 */
export async function demandWriter(context: Context, owner: Owner): Promise<void> {
  await demandOwnOwner(context, owner, memberOf(context).organisation);
  if (owner.kind === 'pid') await readOpenPatient(context, owner.pid);
  demandWritingRole(context, owner);
}

/** As `demandWriter`, of whatever pid: for what leaves a record in which it never belonged. */
export async function demandKeeper(context: Context, owner: Owner): Promise<void> {
  await demandOwnOwner(context, owner, memberOf(context).organisation);
  demandWritingRole(context, owner);
}

function demandWritingRole(context: Context, owner: Owner): void {
  if (owner.kind === 'org') return;
  const caller = memberOf(context);
  if (caller.onBehalfOf === undefined) {
    const isFeed = caller.memberKind === 'client' && caller.roles.includes(FEED_ROLE);
    if (!isFeed) throw new ContractError('delegation-required');
    return;
  }
  demand(hasRole(caller.onBehalfOf.roles, WRITING_ROLES), 'role-missing');
}
