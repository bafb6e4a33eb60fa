import { setTimeout as sleep } from 'node:timers/promises';
import { NetworkError } from '../network-error.ts';
import type { PeerAddress } from './connection.ts';
import type { FabricIdentity } from './identity.ts';
import {
  approveChaincode,
  type ChaincodeDefinition,
  checkReadiness,
  commitChaincode,
  findApprovedPackage,
  findCommittedChaincode,
} from './lifecycle.ts';
import { applicationPolicy, type EndorsementPolicy } from './policy.ts';

/** An organisation whose administrator acts here: the identity, its peers, the package that its peers run. */
export type DeployingMember = {
  readonly identity: FabricIdentity;
  readonly peers: readonly PeerAddress[];
  readonly packageId: string;
};

export type Deployment = {
  readonly channel: string;
  readonly name: string;
  readonly version: string;
  readonly policy: EndorsementPolicy;
  /** At least one; with fewer than all, the others approve from their own hosts. */
  readonly members: readonly DeployingMember[];
  /** How long peers may take to find each other and the orderers. */
  readonly timeoutMs?: number;
};

export type DeploymentState = {
  readonly sequence: number;
  /** Whether the definition serves the channel now. */
  readonly committed: boolean;
  /** Whether this call approved or committed anything. */
  readonly changed: boolean;
  readonly approvals: Readonly<Record<string, boolean>>;
};

export const DEPLOY_TIMEOUT_MS = 60_000;
const RETRY_MS = 100;
/** A node that answers and refuses may not have heard of the others yet; after 5 s of refusals it means it. */
const REFUSALS_MAX = 50;

/**
 * Brings a channel to a chaincode definition: the next sequence where version or policy differ from the committed one,
 * an approval of every member given here that lacks one (or runs another package), and the commit as soon as a majority
 * of the channel's organisations has approved. Idempotent. Throws `refused`, `timeout`, `unavailable`.
 */
export async function deployChaincode(deployment: Deployment): Promise<DeploymentState> {
  const [first] = deployment.members;
  if (first === undefined) throw new NetworkError('bad-input', 'a chaincode is deployed by at least one member');
  const peer = firstPeer(first);
  const { channel } = deployment;
  const deadlineMs = Date.now() + (deployment.timeoutMs ?? DEPLOY_TIMEOUT_MS);
  const before = await findCommittedChaincode(peer, first.identity, channel, deployment.name);
  const serves =
    before !== undefined && before.version === deployment.version && samePolicy(before.policy, deployment.policy);
  const definition: ChaincodeDefinition = {
    name: deployment.name,
    version: deployment.version,
    policy: deployment.policy,
    sequence: serves ? before.sequence : (before?.sequence ?? 0) + 1,
  };
  const approved = await Promise.all(
    deployment.members.map((member) => approveOnce(member, channel, definition, deadlineMs)),
  );
  const { sequence } = definition;
  if (serves) return { sequence, committed: true, changed: approved.includes(true), approvals: before.approvals };
  const approvals = await checkReadiness(peer, first.identity, channel, definition);
  const members = Object.keys(approvals);
  const agreeing = members.filter((member) => approvals[member] === true);
  if (agreeing.length < majorityOf(members.length)) {
    return { sequence, committed: false, changed: approved.includes(true), approvals };
  }
  await commitOnce({ first, peer, channel, definition, agreeing, majority: majorityOf(members.length) }, deadlineMs);
  return { sequence, committed: true, changed: true, approvals };
}

export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1;
}

async function approveOnce(
  member: DeployingMember,
  channel: string,
  definition: ChaincodeDefinition,
  deadlineMs: number,
): Promise<boolean> {
  const { identity, packageId } = member;
  const peer = firstPeer(member);
  return untilSettled(deadlineMs, {
    isDone: async () => (await findApprovedPackage(peer, identity, channel, definition)) === packageId,
    act: () => approveChaincode(peer, identity, channel, definition, packageId),
  });
}

type Commit = {
  readonly first: DeployingMember;
  readonly peer: PeerAddress;
  readonly channel: string;
  readonly definition: ChaincodeDefinition;
  readonly agreeing: readonly string[];
  readonly majority: number;
};

/** Asks all who agree to endorse; where one of them is out of reach, ever other majorities of them. */
async function commitOnce(commit: Commit, deadlineMs: number): Promise<void> {
  const { first, peer, channel, definition, agreeing, majority } = commit;
  let attempt = 0;
  await untilSettled(deadlineMs, {
    isDone: async () =>
      (await findCommittedChaincode(peer, first.identity, channel, definition.name))?.sequence === definition.sequence,
    act: async () => {
      const turned = [...agreeing.slice(attempt % agreeing.length), ...agreeing.slice(0, attempt % agreeing.length)];
      const endorsing = attempt % 2 === 0 ? agreeing : turned.slice(0, majority);
      attempt += 1;
      await commitChaincode(peer, first.identity, channel, definition, endorsing);
    },
  });
}

type Step = { readonly isDone: () => Promise<boolean>; readonly act: () => Promise<void> };

/**
 * Acts until the peer shows the effect. Right after a start the peers do not know each other or the orderers, and an
 * answer may be lost though the transaction was committed; both end by asking again. False: it was so before.
 */
async function untilSettled(deadlineMs: number, step: Step): Promise<boolean> {
  let failure = new NetworkError('timeout', 'the definition did not settle in time');
  for (let attempt = 0; ; attempt += 1) {
    if (await step.isDone()) return attempt > 0;
    if (Date.now() > deadlineMs) throw failure;
    try {
      await step.act();
    } catch (error) {
      const lasting = !(error instanceof NetworkError) || error.code === 'bad-input';
      if (lasting || (error.code === 'refused' && attempt >= REFUSALS_MAX)) throw error;
      failure = error;
      await sleep(RETRY_MS);
    }
  }
}

function firstPeer(member: DeployingMember): PeerAddress {
  const [peer] = member.peers;
  if (peer === undefined) throw new NetworkError('bad-input', `${member.identity.mspId} has no peer to approve with`);
  return peer;
}

function samePolicy(left: EndorsementPolicy | undefined, right: EndorsementPolicy): boolean {
  if (left === undefined) return false;
  const bytes = (policy: EndorsementPolicy): Buffer => Buffer.from(applicationPolicy(policy).serializeBinary());
  return bytes(left).equals(bytes(right));
}
