import { parseFields, parseId, parseList, parseOneOf, parseSignature, parseText, parseTimeMs } from './args.ts';
import type { MemberCaller, Pure, SignedDelegation } from './context.ts';
import { ContractError, demand } from './errors.ts';
import type { Json } from './json.ts';
import type { Members } from './members.ts';
import { findIdentityFault, type IdentityFact, identityKey } from './membership/identity.ts';

/** A session's length: whoever steals a node's key acts in a user's name for no longer. */
export const DELEGATION_DURATION_MAX_MS = 12 * 60 * 60 * 1000;
export const SCOPE_MAX = 32;

const TRANSACTION = /^[a-z]{1,32}\.[a-z][A-Za-z0-9]{0,63}$/;

export interface DelegationCheck {
  readonly get: (key: string) => Json | undefined | Promise<Json | undefined>;
  readonly members: Members;
  readonly pure: Pure;
  readonly network: string;
  readonly timestampMs: number;
  /** The signer of the call, who must be the delegate. */
  readonly delegate: MemberCaller;
  /** `contract.transaction` of the call, which the scope must name. */
  readonly transaction: string;
}

/**
 * The user in whose name the delegate acts. The user is staff of the delegate's own organisation, live at `timestampMs`, and
 * signed exactly this delegate, scope and span. Every way to fail has its code, `delegation-…`.
 */
export async function checkDelegation(
  value: Json | undefined,
  check: DelegationCheck,
): Promise<{ readonly id: string; readonly roles: readonly string[] }> {
  const { payload, signature } = parseDelegation(value);
  demand(payload.network === check.network && payload.delegate === check.delegate.id, 'delegation-mismatch');
  demand(payload.scope.includes(check.transaction), 'delegation-scope');
  demand(payload.notAfterMs - payload.notBeforeMs <= DELEGATION_DURATION_MAX_MS, 'delegation-too-long');
  demand(check.timestampMs >= payload.notBeforeMs, 'delegation-not-yet');
  demand(check.timestampMs <= payload.notAfterMs, 'delegation-expired');
  const user = (await check.get(identityKey(payload.user))) as IdentityFact | undefined;
  const fault = findIdentityFault(user, check.members, check.timestampMs);
  if (user === undefined || fault === 'signer-unknown') throw new ContractError('delegation-user-unknown');
  // Before the other faults: a member learns nothing about another organisation's staff by naming them.
  demand(user.organisation === check.delegate.organisation && user.kind === 'staff', 'delegation-organisation');
  demand(fault !== 'signer-revoked', 'delegation-user-revoked');
  demand(fault === undefined, 'delegation-user-expired');
  const genuine = check.pure.verifySignature(user.publicKey, check.pure.canonical(payload), signature);
  demand(genuine, 'delegation-signature');
  return { id: user.id, roles: user.roles };
}

function parseDelegation(value: Json | undefined): SignedDelegation {
  try {
    const outer = parseFields(value, 'onBehalfOf', ['payload', 'signature']);
    const payload = parseFields(outer.payload, 'onBehalfOf.payload', [
      'version',
      'alg',
      'network',
      'user',
      'delegate',
      'scope',
      'notBeforeMs',
      'notAfterMs',
      'nonce',
    ]);
    return {
      payload: {
        version: parseOneOf(payload.version, 'version', ['salus:delegation:v1']),
        alg: parseOneOf(payload.alg, 'alg', ['ES256']),
        network: parseId(payload.network, 'network'),
        user: parseId(payload.user, 'user'),
        delegate: parseId(payload.delegate, 'delegate'),
        scope: parseList(payload.scope, 'scope', { min: 1, max: SCOPE_MAX }, (item, name) =>
          parseText(item, name, TRANSACTION, 'contract.transaction'),
        ),
        notBeforeMs: parseTimeMs(payload.notBeforeMs, 'notBeforeMs'),
        notAfterMs: parseTimeMs(payload.notAfterMs, 'notAfterMs'),
        nonce: parseId(payload.nonce, 'nonce'),
      },
      signature: parseSignature(outer.signature, 'signature'),
    };
  } catch (error) {
    if (error instanceof ContractError) throw new ContractError('delegation-malformed', error.detail);
    throw error;
  }
}
