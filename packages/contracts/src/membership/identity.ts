import type { MemberKind } from '../context.ts';
import { ContractError } from '../errors.ts';
import { isLive, type Members } from '../members.ts';

/** membership/identity/<id>: an enrolled person, client, device or node. */
export type IdentityFact = {
  readonly id: string;
  readonly organisation: string;
  readonly kind: MemberKind;
  readonly roles: readonly string[];
  readonly publicKey: string;
  /** hashTuple('certificate', certificate). */
  readonly certificateHash: string;
  /** The authority whose chain enrolled it; when that retires, so does everything it issued. */
  readonly authority: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly status: 'active' | 'revoked';
  readonly sinceMs: number;
  readonly hpke?: string;
};

export const identityKey = (id: string): string => `membership/identity/${id}`;

export type IdentityFault =
  | 'signer-unknown'
  | 'organisation-removed'
  | 'signer-revoked'
  | 'signer-expired'
  | 'authority-retired';

/** Why an identity may not act at `atMs`, or undefined when it may. */
export function findIdentityFault(
  identity: IdentityFact | undefined,
  members: Members,
  atMs: number,
): IdentityFault | undefined {
  if (identity === undefined) return 'signer-unknown';
  if (!members.isActive(identity.organisation)) return 'organisation-removed';
  if (identity.status === 'revoked' || members.isRevoked(identity.organisation, identity.id)) return 'signer-revoked';
  if (atMs < identity.notBeforeMs || atMs > identity.notAfterMs) return 'signer-expired';
  const authority = members.roots(identity.organisation)?.ca.find((fact) => fact.authority === identity.authority);
  return authority !== undefined && isLive(authority, atMs) ? undefined : 'authority-retired';
}

export function demandLiveIdentity(
  identity: IdentityFact | undefined,
  members: Members,
  atMs: number,
): asserts identity is IdentityFact {
  const fault = findIdentityFault(identity, members, atMs);
  if (fault !== undefined) throw new ContractError(fault);
}
