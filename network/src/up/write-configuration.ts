import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { readChaincodePublicKey } from '../certificates/chaincode-key.ts';
import { coreYaml } from '../configuration/core-yaml.ts';
import { ordererYaml } from '../configuration/orderer-yaml.ts';
import type { Consortium, Organisation } from '../consortium/consortium.ts';
import type { NetworkLayout } from '../layout.ts';
import { writeIfChanged } from '../write-file.ts';
import { processName } from './addresses.ts';

export const CHAINCODE_NAME = 'salus';

export interface ConfigurationInput {
  readonly layout: NetworkLayout;
  readonly consortium: Consortium;
  readonly network: string;
}

/**
 * Writes what an organisation's processes read: core.yaml, orderer.yaml, the chaincode's and the node's configuration. Returns
 * the names of the processes whose configuration changed.
 */
export function writeConfiguration(
  { layout, consortium, network }: ConfigurationInput,
  organisation: Organisation,
): readonly string[] {
  const own = layout.organisation(organisation.slug);
  const changed: string[] = [];
  const note = (name: string, isChanged: boolean): void => {
    if (isChanged) changed.push(processName(organisation.slug, name));
  };
  for (const peer of organisation.peers) {
    const machine = own.peer(peer.name);
    const core = coreYaml({ network, organisation, peer, layout: machine, builder: layout.builder });
    note(peer.name, writeIfChanged(join(machine.folder, 'core.yaml'), stringify(core)));
  }
  for (const orderer of organisation.orderers) {
    const machine = own.orderer(orderer.name);
    const configuration = ordererYaml({ organisation, orderer, layout: machine });
    note(orderer.name, writeIfChanged(join(machine.folder, 'orderer.yaml'), stringify(configuration)));
  }
  note('chaincode', writeChaincodeConfiguration(layout, organisation, network));
  writeConnection({ layout, consortium, network }, organisation);
  return changed;
}

function writeChaincodeConfiguration(layout: NetworkLayout, { slug }: Organisation, network: string): boolean {
  const { chaincode } = layout.organisation(slug);
  return writeJson(chaincode.configuration, {
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
      tlsAuthorityFile: path(own.peer(name).tls.authority),
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

function writeJson(file: string, value: object): boolean {
  return writeIfChanged(file, `${JSON.stringify(value, null, 2)}\n`);
}
