import { join } from 'node:path';

/** Where everything of a network stands below its directory; what a Fabric administrator expects has Fabric's names. */
export interface NetworkLayout {
  readonly directory: string;
  readonly consortium: string;
  readonly binaries: string;
  /** The external builder that Fabric's peers run, with `bin/{detect,build,release}`. */
  readonly builder: string;
  readonly bundles: string;
  readonly genesisBlock: string;
  readonly processTable: string;
  readonly lock: string;
  readonly logs: string;
  /** `{slug: url}` of the organisations' Salus nodes, which `SALUS_NODES` names to the command. */
  readonly nodes: string;
  /** `{slug: url}` of their exchanges. */
  readonly exchangePeers: string;
  organisation(slug: string): OrganisationLayout;
}

export interface OrganisationLayout {
  readonly folder: string;
  /** The organisation's MSP as the channel knows it: authorities, NodeOUs, revocation lists; no key. */
  readonly msp: string;
  readonly authorities: string;
  readonly chaincode: ChaincodeLayout;
  readonly connection: string;
  readonly node: NodeLayout;
  peer(name: string): MachineLayout;
  orderer(name: string): MachineLayout;
  user(name: 'admin' | 'node'): MachineLayout;
}

/** The organisation's Salus node: what it keeps, and people's wallets. Its master keys and checkpoints lie elsewhere. */
export interface NodeLayout {
  readonly folder: string;
  readonly data: string;
  /** XDG_CONFIG_HOME of the node and of the organisation's people. */
  readonly config: string;
  readonly application: string;
}

export interface MachineLayout {
  readonly folder: string;
  readonly msp: string;
  readonly tls: TlsLayout;
  readonly data: string;
}

export interface TlsLayout {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export interface ChaincodeLayout {
  readonly folder: string;
  readonly configuration: string;
  /** HPKE key pair. */
  readonly privateKey: string;
  /** What the service shows to peers. */
  readonly server: TlsLayout;
  /** What a peer shows to the service. */
  readonly client: TlsLayout;
}

/** The layout of the network in that directory. */
export function networkLayout(directory: string): NetworkLayout {
  return {
    directory,
    consortium: join(directory, 'consortium.yaml'),
    binaries: join(directory, 'bin'),
    builder: join(directory, 'builder'),
    bundles: join(directory, 'bundles'),
    genesisBlock: join(directory, 'channel', 'genesis.block'),
    processTable: join(directory, 'run', 'processes.json'),
    lock: join(directory, 'run', 'lock'),
    logs: join(directory, 'logs'),
    nodes: join(directory, 'nodes.json'),
    exchangePeers: join(directory, 'exchange-peers.json'),
    organisation: (slug) => organisationLayout(join(directory, 'organisations', slug)),
  };
}

function organisationLayout(folder: string): OrganisationLayout {
  const chaincode = join(folder, 'chaincode');
  return {
    folder,
    msp: join(folder, 'msp'),
    authorities: join(folder, 'ca'),
    chaincode: {
      folder: chaincode,
      configuration: join(chaincode, 'config.json'),
      privateKey: join(chaincode, 'private.key'),
      server: tlsLayout(join(chaincode, 'tls'), 'server'),
      client: tlsLayout(join(chaincode, 'tls'), 'client'),
    },
    connection: join(folder, 'connection.json'),
    node: nodeLayout(join(folder, 'node')),
    peer: (name) => machineLayout(join(folder, 'peers', name)),
    orderer: (name) => machineLayout(join(folder, 'orderers', name)),
    user: (name) => machineLayout(join(folder, 'users', name)),
  };
}

function nodeLayout(folder: string): NodeLayout {
  const config = join(folder, 'config');
  return { folder, data: join(folder, 'data'), config, application: join(config, 'salus', 'application.json') };
}

function machineLayout(folder: string): MachineLayout {
  return {
    folder,
    msp: join(folder, 'msp'),
    tls: tlsLayout(join(folder, 'tls'), 'server'),
    data: join(folder, 'data'),
  };
}

function tlsLayout(folder: string, name: 'server' | 'client'): TlsLayout {
  return {
    authority: join(folder, 'ca.crt'),
    certificate: join(folder, `${name}.crt`),
    key: join(folder, `${name}.key`),
  };
}
