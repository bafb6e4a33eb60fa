import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { readChaincodePublicKey } from '../certificates/chaincode-key.ts';
import { coreYaml } from '../configuration/core-yaml.ts';
import { ordererYaml } from '../configuration/orderer-yaml.ts';
import type { Consortium, Organisation } from '../consortium/consortium.ts';
import type { NetworkLayout } from '../layout.ts';
import { writeIfChanged } from '../write-file.ts';

export const CHAINCODE_NAME = 'salus';

export interface ConfigurationInput {
  readonly layout: NetworkLayout;
  readonly consortium: Consortium;
  readonly network: string;
}

/** Writes what an organisation's processes read: core.yaml, orderer.yaml, the chaincode's and the node's configuration. */
export function writeConfiguration(
  { layout, consortium, network }: ConfigurationInput,
  organisation: Organisation,
): void {
  const own = layout.organisation(organisation.slug);
  for (const peer of organisation.peers) {
    const machine = own.peer(peer.name);
    const core = coreYaml({ network, organisation, peer, layout: machine, builder: layout.builder });
    writeIfChanged(join(machine.folder, 'core.yaml'), stringify(core));
  }
  const tlsAuthorities = consortium.organisations
    .filter(({ orderers }) => orderers.length > 0)
    .map(({ slug }) => join(layout.organisation(slug).msp, 'tlscacerts', 'tlsca.pem'))
    .filter((file) => existsSync(file));
  for (const orderer of organisation.orderers) {
    const machine = own.orderer(orderer.name);
    const configuration = ordererYaml({ organisation, orderer, layout: machine, tlsAuthorities });
    writeIfChanged(join(machine.folder, 'orderer.yaml'), stringify(configuration));
  }
  writeChaincodeConfiguration(layout, organisation, network);
  writeConnection({ layout, consortium, network }, organisation);
}

function writeChaincodeConfiguration(layout: NetworkLayout, { slug }: Organisation, network: string): void {
  const { chaincode } = layout.organisation(slug);
  writeJson(chaincode.configuration, {
    version: 'salus:chaincode:v1',
    network,
    organisation: slug,
    tls: {
      certificateFile: chaincode.server.certificate,
      keyFile: chaincode.server.key,
      clientAuthorityFile: chaincode.client.authority,
    },
    privateKeyFile: chaincode.privateKey,
  });
}

/** The connection file, by which the organisation's Salus node finds its part of the network; paths relative to it. */
function writeConnection({ layout, consortium, network }: ConfigurationInput, organisation: Organisation): void {
  const own = layout.organisation(organisation.slug);
  const path = (file: string): string => relative(own.folder, file);
  const { msp } = own.user('node');
  writeJson(own.connection, {
    version: 'salus:fabric:v1',
    network,
    channel: consortium.channel.name,
    chaincode: CHAINCODE_NAME,
    organisation: organisation.slug,
    peers: organisation.peers.map(({ name, port }) => ({
      name,
      endpoint: `${organisation.host}:${port}`,
      tlsAuthorityFile: path(join(own.msp, 'tlscacerts', 'tlsca.pem')),
    })),
    identity: {
      certificateFile: path(join(msp, 'signcerts', 'cert.pem')),
      keyFile: path(join(msp, 'keystore', 'key.pem')),
    },
    chaincodeKey: readChaincodePublicKey(own.chaincode.privateKey),
    bundles: path(layout.bundles),
    founder: consortium.organisations[0]?.slug === organisation.slug,
  });
}

function writeJson(file: string, value: object): void {
  writeIfChanged(file, `${JSON.stringify(value, null, 2)}\n`);
}
