import { createHash, X509Certificate } from 'node:crypto';
import { common, msp, orderer, peer } from '@hyperledger/fabric-protos';
import { findMetaPolicy, roleOf } from './policy.ts';
import { readRevocationList } from './revocation.ts';

/**
 * What an element of a configuration says, as a set of short sentences without verb: two elements that differ have
 * different facts, so that no change is left out of what an administrator reads before signing.
 */
export async function factsOfValue(name: string, bytes: Uint8Array): Promise<readonly string[]> {
  try {
    return await (READERS[name] ?? unknownFacts)(bytes);
  } catch {
    return unknownFacts(bytes);
  }
}

/** A policy in words: `MAJORITY of Admins`, `1 of: admin of laboratory`. */
export function factsOfPolicy(policy: common.Policy | undefined): readonly string[] {
  if (policy === undefined) return ['nobody'];
  const meta = findMetaPolicy(policy);
  if (meta !== undefined) return [`${meta.rule} of ${meta.subPolicy}`];
  if (policy.getType() !== common.Policy.PolicyType.SIGNATURE) return unknownFacts(policy.getValue_asU8());
  const envelope = common.SignaturePolicyEnvelope.deserializeBinary(policy.getValue_asU8());
  const rule = envelope.getRule();
  return [rule === undefined ? 'nobody' : ruleText(rule, envelope.getIdentitiesList().map(principalText))];
}

/** `admin of laboratory`, or an identity by its certificate. */
export function principalText(principal: msp.MSPPrincipal): string {
  const kind = principal.getPrincipalClassification();
  if (kind === msp.MSPPrincipal.Classification.ROLE) {
    const role = msp.MSPRole.deserializeBinary(principal.getPrincipal_asU8());
    return `${roleOf(role) ?? `role ${role.getRole()}`} of ${role.getMspIdentifier()}`;
  }
  if (kind === msp.MSPPrincipal.Classification.IDENTITY) {
    const identity = msp.SerializedIdentity.deserializeBinary(principal.getPrincipal_asU8());
    return `${certificateText(identity.getIdBytes_asU8())} of ${identity.getMspid()}`;
  }
  return `principal of kind ${kind} ${digest(principal.getPrincipal_asU8())}`;
}

function ruleText(rule: common.SignaturePolicy, principals: readonly string[]): string {
  const threshold = rule.getNOutOf();
  if (threshold === undefined) return principals[rule.getSignedBy()] ?? 'nobody';
  const parts = threshold.getRulesList().map((part) => ruleText(part, principals));
  return `${threshold.getN()} of (${parts.join(', ')})`;
}

type Message = { serializeBinary(): Uint8Array; toObject(): object };
type Reader = (bytes: Uint8Array) => readonly string[] | Promise<readonly string[]>;

const READERS: Readonly<Record<string, Reader>> = {
  MSP: mspFacts,
  ConsensusType: consensusFacts,
  Orderers: reader(common.Orderers, (list) => list.getConsenterMappingList().map(bftConsenterText)),
  Endpoints: reader(common.OrdererAddresses, (list) => list.getAddressesList().map((one) => `orderer at ${one}`)),
  AnchorPeers: reader(peer.AnchorPeers, (list) =>
    list.getAnchorPeersList().map((anchor) => `peer at ${anchor.getHost()}:${anchor.getPort()}`),
  ),
  BatchSize: reader(orderer.BatchSize, scalarFacts),
  BatchTimeout: reader(orderer.BatchTimeout, scalarFacts),
  Capabilities: reader(common.Capabilities, (list) => [...list.getCapabilitiesMap().keys()].sort()),
  HashingAlgorithm: reader(common.HashingAlgorithm, scalarFacts),
};

/** Reads a message and tells also what its known fields do not hold. */
function reader<T extends Message>(
  type: { deserializeBinary(bytes: Uint8Array): T },
  read: (message: T) => readonly string[],
): (bytes: Uint8Array) => readonly string[] {
  return (bytes) => {
    const message = type.deserializeBinary(bytes);
    return [...read(message), ...remainder(message, bytes)];
  };
}

function remainder(message: Message, bytes: Uint8Array): readonly string[] {
  const whole = Buffer.from(message.serializeBinary()).equals(bytes);
  return whole ? [] : [`content of another form, ${digest(bytes)}`];
}

async function mspFacts(bytes: Uint8Array): Promise<readonly string[]> {
  const outer = msp.MSPConfig.deserializeBinary(bytes);
  const fabric = msp.FabricMSPConfig.deserializeBinary(outer.getConfig_asU8());
  const lists = await Promise.all(
    fabric.getRevocationListList_asU8().map(async (pem) => ({
      pem,
      ...(await readRevocationList(Buffer.from(pem).toString('utf8'))),
    })),
  );
  const certificates = (what: string, pems: readonly Uint8Array[]): string[] =>
    pems.map((pem) => `${what} ${certificateText(pem)}`);
  const [units, hashes, signing] = [fabric.getFabricNodeOus(), fabric.getCryptoConfig(), fabric.getSigningIdentity()];
  return [
    `name ${fabric.getName()}, type ${outer.getType()}`,
    ...certificates('authority', fabric.getRootCertsList_asU8()),
    ...certificates('intermediate authority', fabric.getIntermediateCertsList_asU8()),
    ...certificates('TLS authority', fabric.getTlsRootCertsList_asU8()),
    ...certificates('intermediate TLS authority', fabric.getTlsIntermediateCertsList_asU8()),
    ...certificates('administrator', fabric.getAdminsList_asU8()),
    ...lists.flatMap(({ issuer, revoked, pem }) => [
      `revocation list of ${issuer}, ${digest(pem)}`,
      ...revoked.map(({ serial }) => `revoked certificate ${serial} of ${issuer}`),
    ]),
    ...fabric
      .getOrganizationalUnitIdentifiersList()
      .map((unit) => `only unit ${unit.getOrganizationalUnitIdentifier()} ${digest(unit.getCertificate_asU8())}`),
    ...(units?.getEnable() === true ? [`roles by organisational unit ${digest(units.serializeBinary())}`] : []),
    ...(hashes === undefined ? [] : scalarFacts(hashes)),
    ...(signing === undefined ? [] : [`signing identity ${digest(signing.serializeBinary())}`]),
    ...remainder(fabric, outer.getConfig_asU8()),
    ...remainder(outer, bytes),
  ];
}

function consensusFacts(bytes: Uint8Array): readonly string[] {
  const type = orderer.ConsensusType.deserializeBinary(bytes);
  const metadata = type.getMetadata_asU8();
  const kind = [`type ${type.getType()}`, `state ${type.getState()}`, ...remainder(type, bytes)];
  if (type.getType() === 'BFT') {
    const options = orderer.smartbft.Options.deserializeBinary(metadata);
    return [...kind, ...scalarFacts(options), ...remainder(options, metadata)];
  }
  const raft = orderer.etcdraft.ConfigMetadata.deserializeBinary(metadata);
  const options = raft.getOptions();
  return [
    ...kind,
    ...raft.getConsentersList().map((one) => {
      const where = `${one.getHost()}:${one.getPort()}`;
      return `orderer ${where}, TLS ${digest(one.getServerTlsCert_asU8())} ${digest(one.getClientTlsCert_asU8())}`;
    }),
    ...(options === undefined ? [] : scalarFacts(options)),
    ...remainder(raft, metadata),
  ];
}

function bftConsenterText(consenter: common.Consenter): string {
  const where = `${consenter.getHost()}:${consenter.getPort()}`;
  const tls = `${digest(consenter.getServerTlsCert_asU8())} ${digest(consenter.getClientTlsCert_asU8())}`;
  const who = certificateText(consenter.getIdentity_asU8());
  return `orderer ${consenter.getId()} of ${consenter.getMspId()} at ${where}, ${who}, TLS ${tls}`;
}

function scalarFacts(message: Message): readonly string[] {
  return Object.entries(message.toObject()).map(([name, value]) => `${words(name)} ${String(value)}`);
}

/** `maxMessageCount` as `max message count`. */
function words(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function certificateText(pem: Uint8Array): string {
  try {
    const certificate = new X509Certificate(pem);
    const subject = certificate.subject.split('\n').join(', ');
    return `${subject} (SHA-256 ${certificate.fingerprint256.replaceAll(':', '').toLowerCase().slice(0, 16)})`;
  } catch {
    return `unreadable certificate ${digest(pem)}`;
  }
}

function unknownFacts(bytes: Uint8Array): readonly string[] {
  return [`${bytes.length} bytes, ${digest(bytes)}`];
}

function digest(bytes: Uint8Array): string {
  return `SHA-256 ${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}`;
}
