import { X509Certificate } from 'node:crypto';
import { common, msp, orderer } from '@hyperledger/fabric-protos';
import { fromBase64url } from '@salus/crypto';
import { Timestamp } from 'google-protobuf/google/protobuf/timestamp_pb.js';
import type { Orderer } from './stored-channel.ts';

/** The time of everything in a stored channel. */
export const NOW_MS = 1_795_251_600_000;

/** A transaction that brings a channel's configuration: who orders, with which authorities. */
export function configEnvelope(
  consensus: 'raft' | 'bft',
  roots: ReadonlyMap<string, string>,
  orderers: readonly Orderer[],
): Buffer {
  const group = new common.ConfigGroup();
  const type = new orderer.ConsensusType();
  type.setType(consensus === 'raft' ? 'etcdraft' : 'BFT');
  group.getValuesMap().set('ConsensusType', configValue(type));
  const consenters = new common.Orderers();
  consenters.setConsenterMappingList(
    orderers.map(({ id, mspId, certificate }) => {
      const consenter = new common.Consenter();
      consenter.setId(id);
      consenter.setMspId(mspId);
      consenter.setIdentity(Buffer.from(certificate));
      return consenter;
    }),
  );
  if (consensus === 'bft') group.getValuesMap().set('Orderers', configValue(consenters));
  for (const [name, root] of roots) {
    const organisation = new common.ConfigGroup();
    organisation.getValuesMap().set('MSP', configValue(mspConfig(name, root)));
    group.getGroupsMap().set(name, organisation);
  }
  const channel = new common.ConfigGroup();
  channel.getGroupsMap().set('Orderer', group);
  const config = new common.Config();
  config.setChannelGroup(channel);
  const envelope = new common.ConfigEnvelope();
  envelope.setConfig(config);
  return envelopeOf(common.HeaderType.CONFIG, '', envelope.serializeBinary());
}

function mspConfig(name: string, root: string): msp.MSPConfig {
  const unit = new msp.FabricOUIdentifier();
  unit.setOrganizationalUnitIdentifier('orderer');
  const units = new msp.FabricNodeOUs();
  units.setEnable(true);
  units.setOrdererOuIdentifier(unit);
  const fabric = new msp.FabricMSPConfig();
  fabric.setName(name);
  fabric.setRootCertsList([Buffer.from(new X509Certificate(root).toString())]);
  fabric.setFabricNodeOus(units);
  const config = new msp.MSPConfig();
  config.setConfig(fabric.serializeBinary());
  return config;
}

function configValue(message: { serializeBinary(): Uint8Array }): common.ConfigValue {
  const value = new common.ConfigValue();
  value.setValue(message.serializeBinary());
  return value;
}

export function envelopeOf(
  type: common.HeaderTypeMap[keyof common.HeaderTypeMap],
  txId: string,
  data: Uint8Array,
): Buffer {
  const channelHeader = new common.ChannelHeader();
  channelHeader.setType(type);
  channelHeader.setTxId(txId);
  channelHeader.setChannelId('salus');
  const timestamp = new Timestamp();
  timestamp.fromDate(new Date(NOW_MS));
  channelHeader.setTimestamp(timestamp);
  const header = new common.Header();
  header.setChannelHeader(channelHeader.serializeBinary());
  header.setSignatureHeader(new common.SignatureHeader().serializeBinary());
  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(data);
  const envelope = new common.Envelope();
  envelope.setPayload(payload.serializeBinary());
  envelope.setSignature(fromBase64url('AAAA'));
  return Buffer.from(envelope.serializeBinary());
}
