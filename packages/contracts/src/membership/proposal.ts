import { endLedger } from '../access/move.ts';
import type { Context, MemberCaller } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';
import { type AuthorityFact, NETWORK_KEY, type RootsFact, readNetwork, rootsKey } from '../members.ts';
import { type IdentityFact, identityKey } from './identity.ts';
import { addOrganisation, type VerifiedApplicant } from './organisation.ts';

/** A proposal that nobody decided for so long lapses; it may be made again. */
export const PROPOSAL_DURATION_MS = 30 * 24 * 60 * 60 * 1000;
/** Authorities of one organisation, retired ones included, which old signatures still need. */
export const AUTHORITIES_MAX = 32;

/** What becomes of the members when the proposal is decided for. */
export type Effect =
  | { readonly kind: 'join'; readonly applicant: VerifiedApplicant }
  | {
      readonly kind: 'roots';
      readonly organisation: string;
      readonly add: {
        readonly certificate: string;
        readonly authority: string;
        readonly administrator: IdentityFact;
      } | null;
      readonly retire: readonly { readonly authority: string; readonly untilMs: number }[];
    }
  | { readonly kind: 'removal'; readonly organisation: string; readonly reason: string }
  | { readonly kind: 'move'; readonly channel: string };

/** membership/proposal/<call id of the proposal> */
export type ProposalFact = {
  readonly proposer: string;
  readonly proposedMs: number;
  readonly notAfterMs: number;
  readonly status: 'open' | 'applied' | 'rejected';
  readonly decidedMs?: number;
  readonly effect: Effect;
};

/** membership/vote/<proposal>/<organisation> */
export type VoteFact = { readonly approve: boolean; readonly votedMs: number };

export const proposalKey = (proposal: string): string => `membership/proposal/${proposal}`;
export const voteKey = (proposal: string, organisation: string): string =>
  `membership/vote/${proposal}/${organisation}`;

/** Opens a proposal under the call's own id, with the proposer's vote for it, and decides at once where that is a majority. */
export async function propose(context: Context, effect: Effect): Promise<Json> {
  const proposer = administratorOf(context).organisation;
  const proposal: ProposalFact = {
    proposer,
    proposedMs: context.timestampMs,
    notAfterMs: context.timestampMs + PROPOSAL_DURATION_MS,
    status: 'open',
    effect,
  };
  context.put(proposalKey(context.txId), proposal);
  context.put(voteKey(context.txId, proposer), { approve: true, votedMs: context.timestampMs });
  return decide(context, context.txId, proposal);
}

/** One vote of the caller's organisation; the deciding one has the effect. */
export async function vote(context: Context, id: string, approve: boolean): Promise<Json> {
  const voter = administratorOf(context).organisation;
  const proposal = await context.get<ProposalFact>(proposalKey(id));
  if (proposal === undefined) throw new ContractError('proposal-unknown');
  demand(proposal.status === 'open', 'proposal-decided');
  demand(context.timestampMs <= proposal.notAfterMs, 'proposal-expired');
  demand((await context.get(voteKey(id, voter))) === undefined, 'already-voted');
  context.put(voteKey(id, voter), { approve, votedMs: context.timestampMs });
  return decide(context, id, proposal);
}

/**
 * Counts the votes of the organisations that are active now: a removed one neither counts nor votes. More than half for it
 * applies it; when those who have not voted can no longer make a majority, it is rejected.
 */
async function decide(context: Context, id: string, proposal: ProposalFact): Promise<Json> {
  const { active } = context.members;
  const votes = await Promise.all(active.map((organisation) => context.get<VoteFact>(voteKey(id, organisation))));
  const approvals = votes.filter((fact) => fact?.approve === true).length;
  const rejections = votes.filter((fact) => fact?.approve === false).length;
  const status = outcomeOf(approvals, rejections, active.length);
  if (status === 'applied') await apply(context, id, proposal.effect);
  if (status !== 'open') {
    context.put(proposalKey(id), { ...proposal, status, decidedMs: context.timestampMs });
    context.emit('membership.proposal', { proposal: id, status });
  }
  return { proposal: id, status, approvals, rejections };
}

/** More than half decides; strictly more, so that two halves never decide both ways. */
export function outcomeOf(approvals: number, rejections: number, voters: number): ProposalFact['status'] {
  if (2 * approvals > voters) return 'applied';
  return 2 * (voters - rejections) > voters ? 'open' : 'rejected';
}

async function apply(context: Context, id: string, effect: Effect): Promise<void> {
  switch (effect.kind) {
    case 'join':
      return addOrganisation(context, effect.applicant);
    case 'roots':
      return changeRoots(context, effect);
    case 'removal':
      return remove(context, effect.organisation);
    case 'move':
      return endLedger(context, id, effect.channel);
  }
}

/** Adds an authority with an administrator it certified, and retires others from a time on; at least one stays. */
async function changeRoots(context: Context, effect: Extract<Effect, { kind: 'roots' }>): Promise<void> {
  const { organisation, add, retire } = effect;
  const roots = readActiveRoots(context, organisation);
  const ca: AuthorityFact[] = roots.ca.map((fact) => retired(fact, effect, context.timestampMs));
  for (const { authority } of retire) {
    demand(
      roots.ca.some((fact) => fact.authority === authority && fact.untilMs === null),
      'authority-unknown',
    );
  }
  if (add !== null) {
    const { authority, certificate, administrator } = add;
    demand(!ca.some((fact) => fact.authority === authority), 'authority-exists');
    ca.push({ authority, certificate, fromMs: context.timestampMs, untilMs: null });
    const known = await context.get<IdentityFact>(identityKey(administrator.id));
    demand(known === undefined, 'identity-exists');
    demand(!context.members.isRevoked(organisation, administrator.id), 'identity-revoked');
    context.put(identityKey(administrator.id), { ...administrator, sinceMs: context.timestampMs });
  }
  demand(
    ca.some((fact) => fact.untilMs === null),
    'authority-missing',
  );
  demand(ca.length <= AUTHORITIES_MAX, 'limit-exceeded', 'authorities');
  context.put(rootsKey(organisation), { ...roots, ca });
}

function retired(fact: AuthorityFact, effect: Extract<Effect, { kind: 'roots' }>, nowMs: number): AuthorityFact {
  const named = effect.retire.find(({ authority }) => authority === fact.authority);
  // Never in the past: what the authority vouched for was judged at its block's time.
  return named === undefined ? fact : { ...fact, untilMs: Math.max(named.untilMs, nowMs) };
}

async function remove(context: Context, organisation: string): Promise<void> {
  const roots = readActiveRoots(context, organisation);
  demand(context.members.active.length > 1, 'last-organisation');
  context.put(rootsKey(organisation), { ...roots, status: 'removed' });
  // Rewritten unchanged, so that a call that runs at the same time and read the members conflicts on every engine.
  context.put(NETWORK_KEY, readNetwork(context.members));
  context.emit('membership.removed', { organisation });
}

/** The roots of an active organisation; else `organisation-unknown` or `organisation-removed`. */
export function readActiveRoots(context: Context, organisation: string): RootsFact {
  const roots = context.members.roots(organisation);
  if (roots === undefined) throw new ContractError('organisation-unknown');
  demand(roots.status === 'active', 'organisation-removed');
  return roots;
}

/** The administrator who calls; the runtime let no other caller through. */
export function administratorOf(context: Context): MemberCaller {
  if (context.caller.kind !== 'id') throw new Error('an administrator is a member');
  return context.caller;
}
