import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { common, msp, peer } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import { newGroup, setPolicy, setValue } from './config-group.ts';
import { anyOf } from './policy.ts';

export type HostPort = { readonly host: string; readonly port: number };

/** What the channel configuration holds of one organisation. Certificates and revocation lists are PEM. */
export type OrganisationDefinition = {
  readonly mspId: string;
  readonly rootCertificates: readonly string[];
  readonly intermediateCertificates: readonly string[];
  readonly tlsRootCertificates: readonly string[];
  readonly tlsIntermediateCertificates: readonly string[];
  readonly revocationLists: readonly string[];
  /** How the other organisations' peers find this one's. */
  readonly anchorPeers: readonly HostPort[];
  /** host:port for clients and peers; empty: it runs no orderer. */
  readonly ordererEndpoints: readonly string[];
};

export const MSP_ID = /^[a-z][a-z0-9-]{1,31}$/;

const NODE_OUS = ['client', 'peer', 'admin', 'orderer'] as const;

/** Reads an organisation's MSP folder (`cacerts`, `tlscacerts`, `intermediatecerts`, `tlsintermediatecerts`, `crls`). */
export function readOrganisation(
  mspId: string,
  mspFolder: string,
  where: Pick<OrganisationDefinition, 'anchorPeers' | 'ordererEndpoints'>,
): OrganisationDefinition {
  const rootCertificates = pemFiles(join(mspFolder, 'cacerts'));
  const tlsRootCertificates = pemFiles(join(mspFolder, 'tlscacerts'));
  if (rootCertificates.length === 0 || tlsRootCertificates.length === 0) {
    throw new NetworkError('not-found', `${mspFolder} should hold cacerts and tlscacerts of ${mspId}`);
  }
  return {
    mspId,
    rootCertificates,
    intermediateCertificates: pemFiles(join(mspFolder, 'intermediatecerts')),
    tlsRootCertificates,
    tlsIntermediateCertificates: pemFiles(join(mspFolder, 'tlsintermediatecerts')),
    revocationLists: pemFiles(join(mspFolder, 'crls')),
    ...where,
  };
}

/** The organisation's group under `Application`: its MSP, who reads, writes, administers and endorses, its anchors. */
export function applicationGroup(organisation: OrganisationDefinition): common.ConfigGroup {
  const group = memberGroup(organisation.mspId, fabricMsp(organisation));
  setPolicy(group, 'Endorsement', anyOf(organisation.mspId, 'peer'));
  if (organisation.anchorPeers.length > 0) setValue(group, 'AnchorPeers', anchorPeers(organisation.anchorPeers));
  return group;
}

/** The organisation's group under `Orderer`. V3_0 asks every such organisation for an endpoint of its own. */
export function ordererGroup(organisation: OrganisationDefinition): common.ConfigGroup {
  return ordererGroupOf(organisation.mspId, fabricMsp(organisation), organisation.ordererEndpoints);
}

/** The same of an organisation whose MSP the channel knows: both sections hold equal ones, or Fabric refuses them. */
export function ordererGroupOf(
  mspId: string,
  fabric: msp.FabricMSPConfig,
  endpoints: readonly string[],
): common.ConfigGroup {
  const group = memberGroup(mspId, fabric);
  setEndpoints(group, endpoints);
  return group;
}

export function setEndpoints(group: common.ConfigGroup, endpoints: readonly string[]): void {
  const addresses = new common.OrdererAddresses();
  addresses.setAddressesList([...endpoints]);
  setValue(group, 'Endpoints', addresses);
}

function memberGroup(mspId: string, fabric: msp.FabricMSPConfig): common.ConfigGroup {
  if (!MSP_ID.test(mspId)) throw new NetworkError('bad-input', `"${mspId}" is no slug of an organisation`);
  const group = newGroup();
  setValue(group, 'MSP', wrapMsp(fabric));
  setPolicy(group, 'Readers', anyOf(mspId, 'member'));
  setPolicy(group, 'Writers', anyOf(mspId, 'member'));
  setPolicy(group, 'Admins', anyOf(mspId, 'admin'));
  return group;
}

function anchorPeers(anchors: readonly HostPort[]): peer.AnchorPeers {
  const list = new peer.AnchorPeers();
  list.setAnchorPeersList(
    anchors.map(({ host, port }) => {
      const anchor = new peer.AnchorPeer();
      anchor.setHost(host);
      anchor.setPort(port);
      return anchor;
    }),
  );
  return list;
}

function fabricMsp(organisation: OrganisationDefinition): msp.FabricMSPConfig {
  const bytes = (pems: readonly string[]): Uint8Array[] => pems.map((pem) => Buffer.from(pem));
  const fabric = new msp.FabricMSPConfig();
  fabric.setName(organisation.mspId);
  fabric.setRootCertsList(bytes(organisation.rootCertificates));
  fabric.setIntermediateCertsList(bytes(organisation.intermediateCertificates));
  fabric.setTlsRootCertsList(bytes(organisation.tlsRootCertificates));
  fabric.setTlsIntermediateCertsList(bytes(organisation.tlsIntermediateCertificates));
  fabric.setRevocationListList(bytes(organisation.revocationLists));
  const hashes = new msp.FabricCryptoConfig();
  hashes.setSignatureHashFamily('SHA2');
  hashes.setIdentityIdentifierHashFunction('SHA256');
  fabric.setCryptoConfig(hashes);
  fabric.setFabricNodeOus(nodeOus());
  return fabric;
}

/** A Fabric MSP (type 0 is FABRIC, msp/msp_config.proto). */
export function wrapMsp(fabric: msp.FabricMSPConfig): msp.MSPConfig {
  const config = new msp.MSPConfig();
  config.setType(0);
  config.setConfig(fabric.serializeBinary());
  return config;
}

/** Roles by organisational unit, whichever of the organisation's authorities issued the certificate. */
function nodeOus(): msp.FabricNodeOUs {
  const [client, peers, admin, orderers] = NODE_OUS.map((name) => {
    const unit = new msp.FabricOUIdentifier();
    unit.setOrganizationalUnitIdentifier(name);
    return unit;
  });
  const units = new msp.FabricNodeOUs();
  units.setEnable(true);
  units.setClientOuIdentifier(client);
  units.setPeerOuIdentifier(peers);
  units.setAdminOuIdentifier(admin);
  units.setOrdererOuIdentifier(orderers);
  return units;
}

function pemFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.pem') || name.endsWith('.crt'))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'));
}
