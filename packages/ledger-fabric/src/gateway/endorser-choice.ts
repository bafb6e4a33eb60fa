import { createHash } from 'node:crypto';
import { type Json, NETWORK_KEY, type NetworkFact, type RootsFact, rootsKey } from '@salus/contracts';
import type { EndorsementPolicy } from './endorsement-policy.ts';

export type ChoiceInput = {
  readonly policy: EndorsementPolicy;
  readonly own: string;
  /** Active members of the network; none before it is founded. */
  readonly active: readonly string[];
  readonly callIds: readonly string[];
  /** Who gave no endorsement a moment ago, and when: asked only where there is nobody else, the longest ago first. */
  readonly down: ReadonlyMap<string, number>;
  /** How often those whose turn it was could not agree with us: the next ones take it. */
  readonly turn: number;
};

/**
 * The organisations that endorse a transaction: the own one, and as many others as the policy asks, chosen by the ids of the
 * calls alone. Who is concerned by a call has no part in it, so that endorsers tell nobody who a grantee is. Organisations that
 * are no active members come last: their endorsement counts for Fabric's policy and not for the followers.
 */
export function chooseEndorsers({ policy, own, active, callIds, down, turn }: ChoiceInput): readonly string[] {
  const others = policy.members.filter((member) => member !== own);
  const isActive = (member: string): boolean => active.includes(member);
  const isUp = (member: string): boolean => !down.has(member);
  const longestAgo = (left: string, right: string): number => down.get(left)! - down.get(right)!;
  const draw = drawOf(callIds) + turn;
  const order = [others.filter(isActive), others.filter((member) => !isActive(member))].flatMap((group) => [
    ...rotate(group.filter(isUp), draw),
    ...group.filter((member) => !isUp(member)).sort(longestAgo),
  ]);
  const owned = policy.members.includes(own) ? 1 : 0;
  return [own, ...order.slice(0, Math.max(0, policy.required - owned))];
}

/** Active members as the verified state names them. */
export function activeMembers(peek: (key: string) => Json | undefined): readonly string[] {
  const network = peek(NETWORK_KEY) as NetworkFact | undefined;
  return (network?.organisations ?? []).filter(
    (organisation) => (peek(rootsKey(organisation)) as RootsFact | undefined)?.status === 'active',
  );
}

function drawOf(callIds: readonly string[]): number {
  const hash = createHash('sha256');
  for (const callId of callIds) hash.update(callId);
  return hash.digest().readUIntBE(0, 6);
}

function rotate(members: readonly string[], draw: number): readonly string[] {
  if (members.length === 0) return members;
  const at = draw % members.length;
  return [...members.slice(at), ...members.slice(0, at)];
}
