import { X509Certificate } from 'node:crypto';
import { common, msp } from '@hyperledger/fabric-protos';
import { type ChannelConfig, rootOf } from './config.ts';
import { deltaOf, type Element, mapElements, namesOf, placeOf, ROOT } from './elements.ts';
import { principalText } from './facts.ts';
import { findMetaPolicy, roleOf } from './policy.ts';
import { type IgnoredSignature, readSigners, type Signer } from './signer.ts';
import { type UpdateProposal, updateFor } from './update.ts';

/** How far a policy is satisfied by signatures. */
export type PolicyState = {
  /** `/Channel/Application/Admins` */
  readonly policy: string;
  /** `MAJORITY of 4`, `1 of 1` or `absent`. */
  readonly rule: string;
  readonly needed: number;
  /** Organisations, sections or principals, by name. */
  readonly signed: readonly string[];
  readonly missing: readonly string[];
  readonly reached: boolean;
  /** The policies that it counts, where those are of sections and not of single organisations. */
  readonly parts: readonly PolicyState[];
};

export type Requirement = PolicyState & {
  /** Places of the elements that the update changes under this policy. */
  readonly elements: readonly string[];
};

export type Quorum = {
  readonly reached: boolean;
  readonly signedBy: readonly string[];
  readonly requirements: readonly Requirement[];
  readonly ignored: readonly IgnoredSignature[];
};

/**
 * Whether the signatures on a proposal satisfy every policy that its changes fall under, by the rules of the orderer
 * (common/configtx/update.go `verifyDeltaSet`, common/policies, common/cauthdsl). Throws `stale`, `malformed`.
 */
export async function checkQuorum(
  current: ChannelConfig,
  proposal: UpdateProposal,
  nowMs: number = Date.now(),
): Promise<Quorum> {
  const existing = mapElements(rootOf(current));
  const delta = deltaOf(existing, updateFor(current, proposal));
  const { signers, ignored } = await readSigners(current, proposal, nowMs);
  const byPolicy = new Map<string, string[]>();
  for (const element of delta) {
    const stands = existing.get(`${element.kind} ${placeOf(element)}`);
    // What is new is decided by the group that it joins, which is in the delta too.
    if (stands === undefined) continue;
    const policy = policyPathOf(stands);
    byPolicy.set(policy, [...(byPolicy.get(policy) ?? []), placeOf(element)]);
  }
  const requirements = [...byPolicy].map(([policy, elements]) => ({
    ...evaluate(rootOf(current), policy.split('/').slice(1), signers),
    elements,
  }));
  return {
    reached: requirements.every(({ reached }) => reached),
    signedBy: [...new Set(signers.map(({ mspId }) => mspId))].sort(),
    requirements,
    ignored,
  };
}

/** One line a policy: who signed, how many are needed, who may still sign, and what is changed under it. */
export function describeQuorum(quorum: Quorum): readonly string[] {
  return [
    ...quorum.requirements.flatMap((requirement) => [
      ...describeState(requirement, ''),
      `  changes ${requirement.elements.join(', ')}`,
    ]),
    ...quorum.ignored.map(({ mspId, reason }) => `a signature of ${mspId} does not count: it ${reason}`),
  ];
}

function describeState(state: PolicyState, indent: string): string[] {
  const who = state.signed.length === 0 ? 'signed by nobody' : `signed by ${state.signed.join(', ')}`;
  const open = state.reached || state.missing.length === 0 ? '' : `; can still sign: ${state.missing.join(', ')}`;
  const verdict = state.reached ? 'reached' : 'not reached';
  const count = `${state.signed.length} of ${state.needed} needed`;
  return [
    `${indent}${state.policy} (${state.rule}): ${verdict}, ${count}, ${who}${open}`,
    ...state.parts.flatMap((part) => describeState(part, `${indent}  `)),
  ];
}

/** The policy that an element's `mod_policy` names: absolute, or relative to its group (for a group: itself). */
function policyPathOf(element: Element): string {
  if (element.modPolicy.startsWith('/')) return element.modPolicy;
  const group = element.kind === 'group' ? [...element.path, element.name] : element.path;
  return `/${[...group, element.modPolicy].join('/')}`;
}

function evaluate(root: common.ConfigGroup, path: readonly string[], signers: readonly Signer[]): PolicyState {
  const policy = `/${path.join('/')}`;
  const group = findGroup(root, path.slice(0, -1));
  const stands = group
    ?.getPoliciesMap()
    .get(path.at(-1) ?? '')
    ?.getPolicy();
  const meta = stands && findMetaPolicy(stands);
  if (group === undefined || stands === undefined) return absent(policy);
  if (meta === undefined) return evaluateSignatures(policy, stands, signers);
  const children = namesOf(group.getGroupsMap()).map((name) => ({
    name,
    state: evaluate(root, [...path.slice(0, -1), name, meta.subPolicy], signers),
  }));
  const needed = thresholdOf(meta.rule, children.length);
  const signed = children.filter(({ state }) => state.reached).map(({ name }) => name);
  return {
    policy,
    rule: `${meta.rule} of ${children.length}`,
    needed,
    signed,
    missing: children.filter(({ state }) => !state.reached).map(({ name }) => name),
    reached: signed.length >= needed,
    parts: path.length === 2 ? children.map(({ state }) => state) : [],
  };
}

function thresholdOf(rule: 'ANY' | 'ALL' | 'MAJORITY', count: number): number {
  if (count === 0) return 0;
  if (rule === 'ANY') return 1;
  return rule === 'ALL' ? count : Math.floor(count / 2) + 1;
}

function evaluateSignatures(policy: string, stands: common.Policy, signers: readonly Signer[]): PolicyState {
  if (stands.getType() !== common.Policy.PolicyType.SIGNATURE) return absent(policy);
  const envelope = common.SignaturePolicyEnvelope.deserializeBinary(stands.getValue_asU8());
  const principals = envelope.getIdentitiesList();
  const rule = envelope.getRule();
  if (rule === undefined) return absent(policy);
  const reached = satisfies(rule, principals, signers, new Set());
  const names = principals.map((principal) => ({
    name: principalText(principal),
    signed: signers.some((signer) => isPrincipal(principal, signer)),
  }));
  const of = rule.hasNOutOf() ? rule.getNOutOf()?.getRulesList().length : 1;
  const needed = rule.hasNOutOf() ? (rule.getNOutOf()?.getN() ?? 0) : 1;
  return {
    policy,
    rule: `${needed} of ${of}`,
    needed,
    signed: names.filter(({ signed }) => signed).map(({ name }) => name),
    missing: names.filter(({ signed }) => !signed).map(({ name }) => name),
    reached,
    parts: [],
  };
}

/** A signer counts once within a rule (common/cauthdsl/cauthdsl.go `compile`). */
function satisfies(
  rule: common.SignaturePolicy,
  principals: readonly msp.MSPPrincipal[],
  signers: readonly Signer[],
  used: Set<Signer>,
): boolean {
  const threshold = rule.getNOutOf();
  if (threshold === undefined) {
    const principal = principals[rule.getSignedBy()];
    const signer = principal && signers.find((one) => !used.has(one) && isPrincipal(principal, one));
    if (signer !== undefined) used.add(signer);
    return signer !== undefined;
  }
  let reached = 0;
  for (const part of threshold.getRulesList()) {
    const tried = new Set(used);
    if (!satisfies(part, principals, signers, tried)) continue;
    reached += 1;
    for (const signer of tried) used.add(signer);
  }
  return reached >= threshold.getN();
}

const { Classification } = msp.MSPPrincipal;

/** Roles and single identities; other principals are none that this network writes, and nobody satisfies them here. */
function isPrincipal(principal: msp.MSPPrincipal, signer: Signer): boolean {
  const kind = principal.getPrincipalClassification();
  if (kind === Classification.ROLE) {
    const role = msp.MSPRole.deserializeBinary(principal.getPrincipal_asU8());
    const name = roleOf(role);
    return role.getMspIdentifier() === signer.mspId && name !== undefined && signer.roles.has(name);
  }
  if (kind !== Classification.IDENTITY) return false;
  const identity = msp.SerializedIdentity.deserializeBinary(principal.getPrincipal_asU8());
  const certificate = new X509Certificate(identity.getIdBytes_asU8());
  return identity.getMspid() === signer.mspId && certificate.fingerprint256 === signer.certificate.fingerprint256;
}

function findGroup(root: common.ConfigGroup, path: readonly string[]): common.ConfigGroup | undefined {
  const [first, ...below] = path;
  if (first !== ROOT) return undefined;
  return below.reduce<common.ConfigGroup | undefined>((group, name) => group?.getGroupsMap().get(name), root);
}

/** Fabric lets nobody change what names a policy that is not there. */
function absent(policy: string): PolicyState {
  return { policy, rule: 'absent', needed: 1, signed: [], missing: [], reached: false, parts: [] };
}
