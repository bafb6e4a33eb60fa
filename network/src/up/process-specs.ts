import { listenHost } from '../configuration/listen-host.ts';
import type { Organisation } from '../consortium/consortium.ts';
import type { NetworkLayout } from '../layout.ts';
import type { ProcessSpec } from '../processes/process-table.ts';
import { processName } from './addresses.ts';

/** Fabric's two programs, as absolute paths. */
export interface Binaries {
  readonly peer: string;
  readonly orderer: string;
}

/** One line a second under load tells nobody anything: Fabric's own level `info` costs a tenth of its speed. */
const LOGGING = { FABRIC_LOGGING_SPEC: 'warn' } as const;

/** The Fabric processes of one organisation: orderers first, for peers ask them. */
export function fabricSpecs(
  layout: NetworkLayout,
  organisation: Organisation,
  binaries: Binaries,
): readonly ProcessSpec[] {
  const { slug } = organisation;
  const own = layout.organisation(slug);
  return [
    ...organisation.orderers.map(({ name, port, adminPort }) => ({
      name: processName(slug, name),
      organisation: slug,
      kind: 'orderer' as const,
      command: binaries.orderer,
      args: [],
      environment: { ...LOGGING, FABRIC_CFG_PATH: own.orderer(name).folder },
      workingDirectory: own.orderer(name).folder,
      ports: [port, adminPort],
    })),
    ...organisation.peers.map(({ name, port }) => ({
      name: processName(slug, name),
      organisation: slug,
      kind: 'peer' as const,
      command: binaries.peer,
      args: ['node', 'start'],
      environment: { ...LOGGING, FABRIC_CFG_PATH: own.peer(name).folder },
      workingDirectory: own.peer(name).folder,
      ports: [port],
    })),
  ];
}

export interface ChaincodeProcess {
  readonly packageId: string;
  readonly bundle: string;
}

/** The organisation's chaincode service: the bundle under the Node that runs this. */
export function chaincodeSpec(
  layout: NetworkLayout,
  { slug, host, chaincode }: Organisation,
  { packageId, bundle }: ChaincodeProcess,
): ProcessSpec {
  const own = layout.organisation(slug).chaincode;
  return {
    name: processName(slug, 'chaincode'),
    organisation: slug,
    kind: 'chaincode',
    command: process.execPath,
    args: [bundle],
    environment: {
      CHAINCODE_ID: packageId,
      CHAINCODE_ADDRESS: `${listenHost(host)}:${chaincode.port}`,
      SALUS_CHAINCODE_CONFIG: own.configuration,
      CORE_CHAINCODE_LOGGING_LEVEL: 'warning',
    },
    workingDirectory: own.folder,
    ports: [chaincode.port],
  };
}
