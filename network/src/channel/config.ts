import { common, msp, orderer, peer } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import type { PeerAddress } from './connection.ts';
import type { BatchLimits, Consensus } from './consensus.ts';
import type { FabricIdentity } from './identity.ts';
import type { HostPort } from './organisation.ts';
import { askPeer, decode } from './proposal.ts';

/** The whole configuration of a channel, as it stands after its newest configuration block. */
export type ChannelConfig = { readonly channel: string; readonly config: common.Config };

export type ConsenterView = HostPort & {
  /** 0 on Raft, which names orderers by their certificates. */
  readonly id: number;
  readonly mspId: string;
  readonly serverTlsCertificate: string;
};

export type OrganisationView = {
  readonly mspId: string;
  /** A member of the channel's applications. */
  readonly member: boolean;
  readonly anchorPeers: readonly HostPort[];
  /** host:port; empty where it runs no orderer. */
  readonly ordererEndpoints: readonly string[];
  readonly revocationLists: readonly string[];
};

/** What an administrator asks of a channel. */
export type ChannelView = {
  readonly channel: string;
  /** Number of configuration updates since the genesis block. */
  readonly sequence: number;
  readonly consensus: Consensus;
  readonly consenters: readonly ConsenterView[];
  readonly batch: BatchLimits;
  readonly organisations: readonly OrganisationView[];
};

/** Asks a peer for the configuration of a channel (`cscc GetChannelConfig`). Throws `malformed` too. */
export async function readChannelConfig(
  address: PeerAddress,
  identity: FabricIdentity,
  channel: string,
): Promise<ChannelConfig> {
  const args = ['GetChannelConfig', channel];
  return decodeChannelConfig(channel, await askPeer(address, identity, { channel: '', chaincode: 'cscc', args }));
}

/** A `common.Config` with the groups that every application channel has. Throws `malformed`. */
export function decodeChannelConfig(channel: string, bytes: Uint8Array): ChannelConfig {
  const config = decode('channel configuration', () => common.Config.deserializeBinary(bytes));
  const read = { channel, config };
  describeChannel(read);
  return read;
}

export function rootOf({ channel, config }: ChannelConfig): common.ConfigGroup {
  const root = config.getChannelGroup();
  if (root === undefined) throw new NetworkError('malformed', `the configuration of ${channel} is empty`);
  return root;
}

/** A group below the root. Throws `malformed`. */
export function sectionOf(config: ChannelConfig, name: 'Application' | 'Orderer'): common.ConfigGroup {
  const group = rootOf(config).getGroupsMap().get(name);
  if (group === undefined) throw new NetworkError('malformed', `the configuration of ${config.channel} has no ${name}`);
  return group;
}

/** Decodes one value of a group; undefined where the group has none of this name. Throws `malformed`. */
export function findValue<T>(group: common.ConfigGroup, name: string, read: (bytes: Uint8Array) => T): T | undefined {
  const value = group.getValuesMap().get(name);
  return value === undefined ? undefined : decode(`the value ${name}`, () => read(value.getValue_asU8()));
}

/** The MSP of an organisation's group. Throws `malformed`. */
export function mspOf(group: common.ConfigGroup): msp.FabricMSPConfig {
  const config = findValue(group, 'MSP', (bytes) =>
    msp.FabricMSPConfig.deserializeBinary(msp.MSPConfig.deserializeBinary(bytes).getConfig_asU8()),
  );
  if (config === undefined) throw new NetworkError('malformed', 'an organisation of the channel has no MSP');
  return config;
}

export function describeChannel(config: ChannelConfig): ChannelView {
  const orderers = sectionOf(config, 'Orderer');
  const type = findValue(orderers, 'ConsensusType', (bytes) => orderer.ConsensusType.deserializeBinary(bytes));
  const consensus = type?.getType() === 'BFT' ? 'bft' : 'raft';
  if (type === undefined || (consensus === 'raft' && type.getType() !== 'etcdraft')) {
    throw new NetworkError('malformed', `the channel ${config.channel} is ordered by neither Raft nor BFT`);
  }
  return {
    channel: config.channel,
    sequence: config.config.getSequence(),
    consensus,
    consenters: consensus === 'raft' ? raftConsenters(type, orderers) : bftConsentersOf(orderers),
    batch: batchOf(orderers),
    organisations: organisationsOf(config),
  };
}

export function raftMetadataOf(type: orderer.ConsensusType): orderer.etcdraft.ConfigMetadata {
  return decode('options of Raft', () => orderer.etcdraft.ConfigMetadata.deserializeBinary(type.getMetadata_asU8()));
}

export function bftMappingOf(orderers: common.ConfigGroup): readonly common.Consenter[] {
  const list = findValue(orderers, 'Orderers', (bytes) => common.Orderers.deserializeBinary(bytes));
  return list?.getConsenterMappingList() ?? [];
}

function raftConsenters(type: orderer.ConsensusType, orderers: common.ConfigGroup): ConsenterView[] {
  const owners = new Map<string, string>();
  for (const [mspId, group] of orderers.getGroupsMap().entries()) {
    for (const endpoint of endpointsOf(group)) owners.set(endpoint, mspId);
  }
  return raftMetadataOf(type)
    .getConsentersList()
    .map((consenter) => ({
      id: 0,
      host: consenter.getHost(),
      port: consenter.getPort(),
      mspId: owners.get(`${consenter.getHost()}:${consenter.getPort()}`) ?? '',
      serverTlsCertificate: Buffer.from(consenter.getServerTlsCert_asU8()).toString('utf8'),
    }));
}

function bftConsentersOf(orderers: common.ConfigGroup): ConsenterView[] {
  return bftMappingOf(orderers).map((consenter) => ({
    id: consenter.getId(),
    host: consenter.getHost(),
    port: consenter.getPort(),
    mspId: consenter.getMspId(),
    serverTlsCertificate: Buffer.from(consenter.getServerTlsCert_asU8()).toString('utf8'),
  }));
}

export function endpointsOf(group: common.ConfigGroup): readonly string[] {
  const read = findValue(group, 'Endpoints', (bytes) => common.OrdererAddresses.deserializeBinary(bytes));
  return read?.getAddressesList() ?? [];
}

function batchOf(orderers: common.ConfigGroup): BatchLimits {
  const size = findValue(orderers, 'BatchSize', (bytes) => orderer.BatchSize.deserializeBinary(bytes));
  const timeout = findValue(orderers, 'BatchTimeout', (bytes) => orderer.BatchTimeout.deserializeBinary(bytes));
  const timeoutMs = milliseconds(timeout?.getTimeout() ?? '');
  if (size === undefined || timeoutMs === undefined) {
    throw new NetworkError('malformed', 'the channel does not say when a block is cut');
  }
  return {
    timeoutMs,
    maxCount: size.getMaxMessageCount(),
    preferredBytes: size.getPreferredMaxBytes(),
    absoluteBytes: size.getAbsoluteMaxBytes(),
  };
}

function organisationsOf(config: ChannelConfig): OrganisationView[] {
  const members = sectionOf(config, 'Application').getGroupsMap();
  const orderers = sectionOf(config, 'Orderer').getGroupsMap();
  const names = [...new Set([...members.toArray(), ...orderers.toArray()].map(([mspId]) => mspId))].sort();
  return names.map((mspId) => {
    const member = members.get(mspId);
    const ordering = orderers.get(mspId);
    const group = member ?? ordering;
    if (group === undefined) throw new NetworkError('malformed', `the organisation ${mspId} has no group`);
    const anchors = member && findValue(member, 'AnchorPeers', (bytes) => peer.AnchorPeers.deserializeBinary(bytes));
    return {
      mspId,
      member: member !== undefined,
      anchorPeers: (anchors?.getAnchorPeersList() ?? []).map((one) => ({ host: one.getHost(), port: one.getPort() })),
      ordererEndpoints: ordering === undefined ? [] : endpointsOf(ordering),
      revocationLists: mspOf(group)
        .getRevocationListList_asU8()
        .map((pem) => Buffer.from(pem).toString('utf8')),
    };
  });
}

/** Milliseconds of a Go duration in one unit of s or ms, which is how batch timeouts are written. */
function milliseconds(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text);
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * (match[2] === 's' ? 1000 : 1));
}
