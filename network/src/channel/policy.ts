import { common, msp, peer } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';

export type PolicyRule = 'ANY' | 'ALL' | 'MAJORITY';
export type PolicyRole = 'member' | 'admin' | 'client' | 'peer' | 'orderer';

/** Who has to endorse a transaction: peers of `required` different ones of these members. */
export type EndorsementPolicy = { readonly required: number; readonly members: readonly string[] };

const ROLES = {
  member: msp.MSPRole.MSPRoleType.MEMBER,
  admin: msp.MSPRole.MSPRoleType.ADMIN,
  client: msp.MSPRole.MSPRoleType.CLIENT,
  peer: msp.MSPRole.MSPRoleType.PEER,
  orderer: msp.MSPRole.MSPRoleType.ORDERER,
} as const;

/** Any two organisations, one while there is one. */
export function defaultEndorsementPolicy(members: readonly string[]): EndorsementPolicy {
  return { required: Math.min(2, members.length), members };
}

/** `rule` of the child groups' policies of this name (common/policies.proto `ImplicitMetaPolicy`). */
export function implicitMeta(rule: PolicyRule, subPolicy: string): common.Policy {
  const meta = new common.ImplicitMetaPolicy();
  meta.setRule(common.ImplicitMetaPolicy.Rule[rule]);
  meta.setSubPolicy(subPolicy);
  const policy = new common.Policy();
  policy.setType(common.Policy.PolicyType.IMPLICIT_META);
  policy.setValue(meta.serializeBinary());
  return policy;
}

/** Reads `implicitMeta` back; undefined for a policy of another type. */
export function findMetaPolicy(policy: common.Policy): { rule: PolicyRule; subPolicy: string } | undefined {
  if (policy.getType() !== common.Policy.PolicyType.IMPLICIT_META) return undefined;
  const meta = common.ImplicitMetaPolicy.deserializeBinary(policy.getValue_asU8());
  const rules = ['ANY', 'ALL', 'MAJORITY'] as const;
  const rule = rules.find((name) => common.ImplicitMetaPolicy.Rule[name] === meta.getRule());
  return rule === undefined ? undefined : { rule, subPolicy: meta.getSubPolicy() };
}

export function signaturePolicy(envelope: common.SignaturePolicyEnvelope): common.Policy {
  const policy = new common.Policy();
  policy.setType(common.Policy.PolicyType.SIGNATURE);
  policy.setValue(envelope.serializeBinary());
  return policy;
}

/** Anybody of this organisation in this role. */
export function anyOf(mspId: string, role: PolicyRole): common.Policy {
  return signaturePolicy(outOf(1, [rolePrincipal(mspId, role)]));
}

/** `count` different principals out of these. Two members' peers are two principals, so each counts once. */
export function outOf(count: number, principals: readonly msp.MSPPrincipal[]): common.SignaturePolicyEnvelope {
  const rules = principals.map((_, index) => {
    const rule = new common.SignaturePolicy();
    rule.setSignedBy(index);
    return rule;
  });
  const threshold = new common.SignaturePolicy.NOutOf();
  threshold.setN(count);
  threshold.setRulesList(rules);
  const root = new common.SignaturePolicy();
  root.setNOutOf(threshold);
  const envelope = new common.SignaturePolicyEnvelope();
  envelope.setIdentitiesList([...principals]);
  envelope.setRule(root);
  return envelope;
}

export function rolePrincipal(mspId: string, role: PolicyRole): msp.MSPPrincipal {
  const value = new msp.MSPRole();
  value.setMspIdentifier(mspId);
  value.setRole(ROLES[role]);
  const principal = new msp.MSPPrincipal();
  principal.setPrincipalClassification(msp.MSPPrincipal.Classification.ROLE);
  principal.setPrincipal(value.serializeBinary());
  return principal;
}

/** Undefined for a role that this package does not know. */
export function roleOf(role: msp.MSPRole): PolicyRole | undefined {
  const names = ['member', 'admin', 'client', 'peer', 'orderer'] as const;
  return names.find((name) => ROLES[name] === role.getRole());
}

/** The `ApplicationPolicy` (peer/policy.proto) of a chaincode definition. Throws `bad-input`. */
export function applicationPolicy(policy: EndorsementPolicy): peer.ApplicationPolicy {
  const members = [...new Set(policy.members)].sort();
  const possible = policy.required >= 1 && policy.required <= members.length;
  if (!Number.isSafeInteger(policy.required) || !possible || members.length !== policy.members.length) {
    throw new NetworkError(
      'bad-input',
      `an endorsement policy asks for 1 to ${members.length} of its ${members.length} different members, not ${policy.required}`,
    );
  }
  const application = new peer.ApplicationPolicy();
  application.setSignaturePolicy(
    outOf(
      policy.required,
      members.map((member) => rolePrincipal(member, 'peer')),
    ),
  );
  return application;
}

/** Reads back what `applicationPolicy` wrote; undefined where a definition has a policy of another form. */
export function findEndorsementPolicy(bytes: Uint8Array): EndorsementPolicy | undefined {
  const envelope = peer.ApplicationPolicy.deserializeBinary(bytes).getSignaturePolicy();
  const threshold = envelope?.getRule()?.getNOutOf();
  if (envelope === undefined || threshold === undefined) return undefined;
  const members = envelope
    .getIdentitiesList()
    .map((principal) => msp.MSPRole.deserializeBinary(principal.getPrincipal_asU8()).getMspIdentifier());
  const read = { required: threshold.getN(), members };
  const same = members.length > 0 && Buffer.from(applicationPolicy(read).serializeBinary()).equals(Buffer.from(bytes));
  return same ? read : undefined;
}
