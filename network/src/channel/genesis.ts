import { randomBytes } from 'node:crypto';
import { common, orderer } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import { ADMINS, capabilities, newGroup, setPolicy, setValue } from './config-group.ts';
import { BATCH_LIMITS, type BatchLimits, type Consensus, type Consenter, duration, setConsensus } from './consensus.ts';
import { NONCE_BYTES, sha256 } from './identity.ts';
import { applicationGroup, type OrganisationDefinition, ordererGroup } from './organisation.ts';
import { implicitMeta } from './policy.ts';
import { channelHeader } from './proposal.ts';

/** A channel at its beginning. Every organisation is a member; those with orderer endpoints order too. */
export type ChannelDefinition = {
  readonly channel: string;
  readonly consensus: Consensus;
  readonly organisations: readonly OrganisationDefinition[];
  readonly consenters: readonly Consenter[];
  readonly batch?: Partial<BatchLimits>;
  readonly createdMs: number;
  /** 24 bytes, drawn unless given. */
  readonly nonce?: Uint8Array;
};

/** Fabric's `ValidateChannelID`. */
const CHANNEL = /^[a-z][a-z0-9.-]{0,248}$/;
/** `BlockDataHashingStructure`: the data of a block is hashed as one (common/configuration.proto). */
const HASH_WIDTH = 0xffffffff;
/** SIGNATURES, LAST_CONFIG, TRANSACTIONS_FILTER, ORDERER, COMMIT_HASH (common.proto `BlockMetadataIndex`). */
const METADATA_EMPTY = 3;

/**
 * The first block of a channel: its whole configuration, as `configtxgen -outputBlock` would write it, with capability
 * V3_0. The same definition, time and nonce give the same bytes. Throws `bad-input`.
 */
export function createGenesisBlock(definition: ChannelDefinition): Buffer {
  requireDefinition(definition);
  const config = new common.Config();
  config.setChannelGroup(channelGroup(definition));
  const content = new common.ConfigEnvelope();
  content.setConfig(config);
  return blockOf(definition, content.serializeBinary());
}

function channelGroup(definition: ChannelDefinition): common.ConfigGroup {
  const root = newGroup();
  setMetaPolicies(root);
  const hashing = new common.HashingAlgorithm();
  hashing.setName('SHA256');
  setValue(root, 'HashingAlgorithm', hashing);
  const structure = new common.BlockDataHashingStructure();
  structure.setWidth(HASH_WIDTH);
  setValue(root, 'BlockDataHashingStructure', structure);
  setValue(root, 'Capabilities', capabilities('V3_0'));
  root.getGroupsMap().set('Orderer', orderersGroup(definition));
  root.getGroupsMap().set('Application', membersGroup(definition));
  return root;
}

function orderersGroup(definition: ChannelDefinition): common.ConfigGroup {
  const batch = { ...BATCH_LIMITS, ...definition.batch };
  const group = newGroup();
  setMetaPolicies(group);
  setPolicy(group, 'BlockValidation', implicitMeta('ANY', 'Writers'));
  setBatch(group, batch);
  setValue(group, 'ChannelRestrictions', new orderer.ChannelRestrictions());
  setValue(group, 'Capabilities', capabilities('V2_0'));
  setConsensus(group, definition.consensus, definition.consenters, batch);
  for (const organisation of definition.organisations) {
    if (organisation.ordererEndpoints.length > 0) {
      group.getGroupsMap().set(organisation.mspId, ordererGroup(organisation));
    }
  }
  return group;
}

/** When a block is cut. */
export function setBatch(group: common.ConfigGroup, batch: BatchLimits): void {
  const size = new orderer.BatchSize();
  size.setMaxMessageCount(batch.maxCount);
  size.setAbsoluteMaxBytes(batch.absoluteBytes);
  size.setPreferredMaxBytes(batch.preferredBytes);
  setValue(group, 'BatchSize', size);
  const timeout = new orderer.BatchTimeout();
  timeout.setTimeout(duration(batch.timeoutMs));
  setValue(group, 'BatchTimeout', timeout);
}

function membersGroup(definition: ChannelDefinition): common.ConfigGroup {
  const group = newGroup();
  setMetaPolicies(group);
  setPolicy(group, 'LifecycleEndorsement', implicitMeta('MAJORITY', 'Endorsement'));
  setPolicy(group, 'Endorsement', implicitMeta('MAJORITY', 'Endorsement'));
  setValue(group, 'Capabilities', capabilities('V2_5'));
  for (const organisation of definition.organisations) {
    group.getGroupsMap().set(organisation.mspId, applicationGroup(organisation));
  }
  return group;
}

function setMetaPolicies(group: common.ConfigGroup): void {
  setPolicy(group, 'Readers', implicitMeta('ANY', 'Readers'));
  setPolicy(group, 'Writers', implicitMeta('ANY', 'Writers'));
  setPolicy(group, ADMINS, implicitMeta('MAJORITY', ADMINS));
}

function blockOf(definition: ChannelDefinition, content: Uint8Array): Buffer {
  const signature = new common.SignatureHeader();
  signature.setNonce(definition.nonce ?? randomBytes(NONCE_BYTES));
  const type = common.HeaderType.CONFIG;
  const channel = channelHeader(type, definition.channel, signature, definition.createdMs);
  channel.setVersion(1);
  const header = new common.Header();
  header.setChannelHeader(channel.serializeBinary());
  header.setSignatureHeader(signature.serializeBinary());
  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(content);
  const envelope = new common.Envelope();
  envelope.setPayload(payload.serializeBinary());
  const data = envelope.serializeBinary();
  const blockData = new common.BlockData();
  blockData.setDataList([data]);
  const blockHeader = new common.BlockHeader();
  blockHeader.setNumber(0);
  blockHeader.setDataHash(sha256(data));
  const block = new common.Block();
  block.setHeader(blockHeader);
  block.setData(blockData);
  block.setMetadata(firstMetadata());
  return Buffer.from(block.serializeBinary());
}

/** The first block is its own last configuration and bears no signature. */
function firstMetadata(): common.BlockMetadata {
  const lastConfig = new common.LastConfig();
  lastConfig.setIndex(0);
  const signed = new common.OrdererBlockMetadata();
  signed.setLastConfig(lastConfig);
  const values = [signed.serializeBinary(), lastConfig.serializeBinary()].map((value) => {
    const metadata = new common.Metadata();
    metadata.setValue(value);
    return metadata.serializeBinary();
  });
  const metadata = new common.BlockMetadata();
  metadata.setMetadataList([...values, ...Array.from({ length: METADATA_EMPTY }, () => new Uint8Array())]);
  return metadata;
}

function requireDefinition(definition: ChannelDefinition): void {
  if (!CHANNEL.test(definition.channel)) {
    throw new NetworkError('bad-input', `"${definition.channel}" is no channel name: lower case, digits, dots, dashes`);
  }
  const ids = new Set(definition.organisations.map(({ mspId }) => mspId));
  if (ids.size === 0 || ids.size !== definition.organisations.length) {
    throw new NetworkError('bad-input', 'a channel has at least one organisation, each named once');
  }
  const stranger = definition.consenters.find(
    ({ mspId }) => !definition.organisations.some((one) => one.mspId === mspId && one.ordererEndpoints.length > 0),
  );
  if (stranger !== undefined) {
    throw new NetworkError(
      'bad-input',
      `orderer ${stranger.host}:${stranger.port} is of no organisation with endpoints`,
    );
  }
  if (definition.nonce !== undefined && definition.nonce.length !== NONCE_BYTES) {
    throw new NetworkError('bad-input', `the nonce of a channel has ${NONCE_BYTES} bytes`);
  }
}
