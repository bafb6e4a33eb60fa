import { X509Certificate } from 'node:crypto';
import { common, msp, orderer } from '@hyperledger/fabric-protos';

/** What of a channel's configuration decides whose signature a block needs. */
export type OrdererConfig = {
  readonly consensus: 'raft' | 'bft';
  /** Organisations of the orderer group by MSP id. */
  readonly organisations: ReadonlyMap<string, OrdererOrganisation>;
  /** The orderers that sign a BFT channel's blocks; empty on Raft. */
  readonly consenters: readonly BftConsenter[];
};

export type OrdererOrganisation = {
  readonly authorities: readonly X509Certificate[];
  /** Where the MSP tells roles apart: the unit that an orderer's certificate names. */
  readonly ordererUnit: string | undefined;
};

export type BftConsenter = { readonly id: number; readonly mspId: string; readonly certificate: X509Certificate };

/** The bytes are no configuration, or lack what every channel has. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/**
 * The orderers' part of the configuration in a block's only transaction (common.ConfigEnvelope); undefined when the transaction is
 * no configuration. `ConfigurationError`.
 */
export function findOrdererConfig(transactions: readonly Uint8Array[]): OrdererConfig | undefined {
  const [only] = transactions;
  if (transactions.length !== 1 || only === undefined) return undefined;
  try {
    const payload = common.Payload.deserializeBinary(common.Envelope.deserializeBinary(only).getPayload_asU8());
    const header = common.ChannelHeader.deserializeBinary(
      payload.getHeader()?.getChannelHeader_asU8() ?? new Uint8Array(),
    );
    if (header.getType() !== common.HeaderType.CONFIG) return undefined;
    const config = common.ConfigEnvelope.deserializeBinary(payload.getData_asU8()).getConfig();
    return readOrdererConfig(demand(config?.getChannelGroup(), 'channel group'));
  } catch (cause) {
    if (cause instanceof ConfigurationError) throw cause;
    // The decoder and the certificate parser throw plain errors on bytes that are not theirs.
    throw new ConfigurationError('the configuration cannot be decoded', { cause });
  }
}

function readOrdererConfig(channel: common.ConfigGroup): OrdererConfig {
  const group = demand(channel.getGroupsMap().get('Orderer'), 'orderer group');
  const type = orderer.ConsensusType.deserializeBinary(valueNamed(group, 'ConsensusType'));
  const organisations = new Map<string, OrdererOrganisation>();
  for (const [, organisation] of group.getGroupsMap().entries()) {
    const [mspId, members] = readOrganisation(organisation);
    organisations.set(mspId, members);
  }
  if (organisations.size === 0) throw new ConfigurationError('the configuration names no orderer organisation');
  switch (type.getType()) {
    case 'etcdraft':
      return { consensus: 'raft', organisations, consenters: [] };
    case 'BFT':
      return { consensus: 'bft', organisations, consenters: readConsenters(valueNamed(group, 'Orderers')) };
    default:
      throw new ConfigurationError('the configuration names an unknown kind of consensus');
  }
}

function readOrganisation(group: common.ConfigGroup): readonly [mspId: string, organisation: OrdererOrganisation] {
  const config = msp.FabricMSPConfig.deserializeBinary(
    msp.MSPConfig.deserializeBinary(valueNamed(group, 'MSP')).getConfig_asU8(),
  );
  const pems = [...config.getRootCertsList_asU8(), ...config.getIntermediateCertsList_asU8()];
  const units = config.getFabricNodeOus();
  const ordererUnit = units?.getEnable() === true ? units.getOrdererOuIdentifier() : undefined;
  return [
    config.getName(),
    {
      authorities: pems.map(readCertificate),
      ordererUnit: ordererUnit?.getOrganizationalUnitIdentifier(),
    },
  ];
}

function readConsenters(bytes: Uint8Array): readonly BftConsenter[] {
  return common.Orderers.deserializeBinary(bytes)
    .getConsenterMappingList()
    .map((consenter) => ({
      id: consenter.getId(),
      mspId: consenter.getMspId(),
      certificate: readCertificate(consenter.getIdentity_asU8()),
    }));
}

/** A certificate whose key can be used; undefined for any other bytes. */
export function findCertificate(pem: Uint8Array): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pem);
    // Decoded when it is first asked for, and then throws.
    return certificate.publicKey === undefined ? undefined : certificate;
  } catch {
    // node:crypto has no one code for what is no certificate.
    return undefined;
  }
}

function readCertificate(pem: Uint8Array): X509Certificate {
  return demand(findCertificate(pem), 'a certificate that can be read');
}

function valueNamed(group: common.ConfigGroup, name: string): Uint8Array {
  return demand(group.getValuesMap().get(name), name).getValue_asU8();
}

function demand<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new ConfigurationError(`the configuration lacks ${what}`);
  return value;
}
