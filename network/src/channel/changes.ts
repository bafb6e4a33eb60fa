import { type common, orderer } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import {
  bftMappingOf,
  type ChannelConfig,
  describeChannel,
  endpointsOf,
  findValue,
  mspOf,
  raftMetadataOf,
  rootOf,
  sectionOf,
} from './config.ts';
import { setPolicy, setValue } from './config-group.ts';
import { type BatchLimits, bftOptionsWith, type Consenter, raftConsenter, setBftConsenters } from './consensus.ts';
import { setBatch } from './genesis.ts';
import {
  applicationGroup,
  type OrganisationDefinition,
  ordererGroup,
  ordererGroupOf,
  setEndpoints,
  wrapMsp,
} from './organisation.ts';
import { findMetaPolicy, implicitMeta, type PolicyRule } from './policy.ts';

/** Each of these returns a changed copy; `proposeUpdate` computes what differs. All throw `bad-input` or `not-found`. */

/** A further member. Its orderers, where it has endpoints, are added one by one with `withConsenter`. */
export function withOrganisation(config: ChannelConfig, organisation: OrganisationDefinition): ChannelConfig {
  return changed(config, (next) => {
    const members = sectionOf(next, 'Application').getGroupsMap();
    if (members.has(organisation.mspId)) {
      throw new NetworkError('bad-input', `${organisation.mspId} is a member of ${config.channel} already`);
    }
    members.set(organisation.mspId, applicationGroup(organisation));
    if (organisation.ordererEndpoints.length > 0) {
      sectionOf(next, 'Orderer').getGroupsMap().set(organisation.mspId, ordererGroup(organisation));
    }
  });
}

/** A member less. Its orderers leave before it does. */
export function withoutOrganisation(config: ChannelConfig, mspId: string): ChannelConfig {
  const { consenters } = describeChannel(config);
  const ordering = consenters.filter((consenter) => consenter.mspId === mspId);
  if (ordering.length > 0) {
    const names = ordering.map(({ host, port }) => `${host}:${port}`).join(', ');
    throw new NetworkError('bad-input', `${mspId} still orders at ${names}: remove its orderers first`);
  }
  return changed(config, (next) => {
    const members = sectionOf(next, 'Application').getGroupsMap();
    requireMember(next, mspId);
    if (members.getLength() === 1) throw new NetworkError('bad-input', 'the last organisation cannot leave a channel');
    members.del(mspId);
    sectionOf(next, 'Orderer').getGroupsMap().del(mspId);
  });
}

/** The complete list of revocation lists (PEM) of an organisation, in place of the earlier ones. */
export function withRevocationLists(config: ChannelConfig, mspId: string, lists: readonly string[]): ChannelConfig {
  return changed(config, (next) => {
    requireMember(next, mspId);
    for (const section of ['Application', 'Orderer'] as const) {
      const group = sectionOf(next, section).getGroupsMap().get(mspId);
      if (group === undefined) continue;
      const fabric = mspOf(group);
      fabric.setRevocationListList(lists.map((pem) => Buffer.from(pem)));
      setValue(group, 'MSP', wrapMsp(fabric));
    }
  });
}

/** One more orderer. Its organisation is a member; it starts to order with its first orderer. */
export function withConsenter(config: ChannelConfig, consenter: Consenter): ChannelConfig {
  const view = describeChannel(config);
  const endpoint = `${consenter.host}:${consenter.port}`;
  const taken = view.consenters.some(({ host, port, id }) => `${host}:${port}` === endpoint || id === consenter.id);
  if (taken) throw new NetworkError('bad-input', `an orderer at ${endpoint} or of id ${consenter.id} is there already`);
  return changed(config, (next) => {
    const member = requireMember(next, consenter.mspId);
    const orderers = sectionOf(next, 'Orderer');
    const group = orderers.getGroupsMap().get(consenter.mspId);
    if (group === undefined) {
      orderers.getGroupsMap().set(consenter.mspId, ordererGroupOf(consenter.mspId, mspOf(member), [endpoint]));
    } else if (!endpointsOf(group).includes(endpoint)) {
      setEndpoints(group, [...endpointsOf(group), endpoint]);
    }
    if (view.consensus === 'bft') {
      setBftConsenters(orderers, [...bftMappingOf(orderers).map(readConsenter), consenter]);
    } else {
      changeRaft(orderers, (list) => [...list, raftConsenter(consenter)]);
    }
  });
}

/** One orderer less; an organisation without any orders no longer. */
export function withoutConsenter(config: ChannelConfig, endpoint: string): ChannelConfig {
  const view = describeChannel(config);
  const leaving = view.consenters.find(({ host, port }) => `${host}:${port}` === endpoint);
  if (leaving === undefined) throw new NetworkError('not-found', `no orderer of ${config.channel} is at ${endpoint}`);
  if (view.consenters.length === 1) throw new NetworkError('bad-input', 'the last orderer cannot leave a channel');
  return changed(config, (next) => {
    const orderers = sectionOf(next, 'Orderer');
    const group = orderers.getGroupsMap().get(leaving.mspId);
    if (group !== undefined) {
      const endpoints = endpointsOf(group).filter((one) => one !== endpoint);
      if (endpoints.length === 0) orderers.getGroupsMap().del(leaving.mspId);
      else setEndpoints(group, endpoints);
    }
    if (view.consensus === 'bft') {
      const stay = bftMappingOf(orderers).map(readConsenter);
      setBftConsenters(
        orderers,
        stay.filter(({ host, port }) => `${host}:${port}` !== endpoint),
      );
    } else {
      changeRaft(orderers, (list) => list.filter((one) => `${one.getHost()}:${one.getPort()}` !== endpoint));
    }
  });
}

/** When blocks are cut; on BFT the leader's own limits go along. */
export function withBatch(config: ChannelConfig, batch: Partial<BatchLimits>): ChannelConfig {
  const view = describeChannel(config);
  const limits = { ...view.batch, ...batch };
  const sound =
    [limits.timeoutMs, limits.maxCount, limits.preferredBytes, limits.absoluteBytes].every(
      (limit) => Number.isSafeInteger(limit) && limit > 0,
    ) && limits.preferredBytes <= limits.absoluteBytes;
  if (!sound)
    throw new NetworkError('bad-input', 'limits of a block are positive, the preferred size within the absolute');
  return changed(config, (next) => {
    const orderers = sectionOf(next, 'Orderer');
    setBatch(orderers, limits);
    if (view.consensus === 'bft') {
      const type = consensusTypeOf(orderers);
      type.setMetadata(bftOptionsWith(type.getMetadata_asU8(), limits).serializeBinary());
      setValue(orderers, 'ConsensusType', type);
    }
  });
}

/** How many of the organisations a policy asks for. `section` is where it stands. */
export function withPolicyRule(
  config: ChannelConfig,
  section: 'Channel' | 'Application' | 'Orderer',
  policy: string,
  rule: PolicyRule,
): ChannelConfig {
  return changed(config, (next) => {
    const group = section === 'Channel' ? rootOf(next) : sectionOf(next, section);
    const stands = group.getPoliciesMap().get(policy)?.getPolicy();
    if (stands === undefined) throw new NetworkError('not-found', `${section} has no policy ${policy}`);
    const meta = findMetaPolicy(stands);
    if (meta === undefined) throw new NetworkError('bad-input', `${section}/${policy} does not count organisations`);
    setPolicy(group, policy, implicitMeta(rule, meta.subPolicy));
  });
}

function changed(config: ChannelConfig, change: (next: ChannelConfig) => void): ChannelConfig {
  const next = { channel: config.channel, config: config.config.cloneMessage() as common.Config };
  change(next);
  return next;
}

function requireMember(config: ChannelConfig, mspId: string): common.ConfigGroup {
  const group = sectionOf(config, 'Application').getGroupsMap().get(mspId);
  if (group === undefined) throw new NetworkError('not-found', `${mspId} is no member of ${config.channel}`);
  return group;
}

function consensusTypeOf(orderers: common.ConfigGroup): orderer.ConsensusType {
  const type = findValue(orderers, 'ConsensusType', (bytes) => orderer.ConsensusType.deserializeBinary(bytes));
  if (type === undefined) throw new NetworkError('malformed', 'the channel does not say how it is ordered');
  return type;
}

function changeRaft(
  orderers: common.ConfigGroup,
  change: (list: readonly orderer.etcdraft.Consenter[]) => readonly orderer.etcdraft.Consenter[],
): void {
  const type = consensusTypeOf(orderers);
  const metadata = raftMetadataOf(type);
  metadata.setConsentersList([...change(metadata.getConsentersList())]);
  type.setMetadata(metadata.serializeBinary());
  setValue(orderers, 'ConsensusType', type);
}

function readConsenter(consenter: common.Consenter): Consenter {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
  return {
    id: consenter.getId(),
    host: consenter.getHost(),
    port: consenter.getPort(),
    mspId: consenter.getMspId(),
    identity: text(consenter.getIdentity_asU8()),
    clientTlsCertificate: text(consenter.getClientTlsCert_asU8()),
    serverTlsCertificate: text(consenter.getServerTlsCert_asU8()),
  };
}
