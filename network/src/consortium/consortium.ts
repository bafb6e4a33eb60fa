/** The version that a consortium.yaml names first. */
export const CONSORTIUM_VERSION = 'salus:consortium:v1';

/** A consortium as its consortium.yaml states it, checked, with every default filled in. */
export interface Consortium {
  readonly version: typeof CONSORTIUM_VERSION;
  /** 128 random bits, base64url: drawn at the first `up` and kept, also when the ledger moves to another engine. */
  readonly network: string | undefined;
  readonly channel: Channel;
  /** The first one founds the network and makes the genesis block. */
  readonly organisations: readonly Organisation[];
}

export interface Channel {
  readonly name: string;
  readonly consensus: 'raft' | 'bft';
  /** How long an orderer waits for more transactions before it cuts a block. */
  readonly batchTimeoutMs: number;
  readonly batchCountMax: number;
  /** Organisations that must endorse a transaction; never more than there are members. */
  readonly endorsements: number;
}

/** One member. Its slug is its name on the ledger and its MSP id. */
export interface Organisation {
  readonly slug: string;
  readonly name: string;
  /** DNS name or IP address under which the others reach its machines. */
  readonly host: string;
  /** `own`: Salus keeps the organisation's Fabric CA; `external`: its existing CA answers Salus's requests. */
  readonly certificates: 'own' | 'external';
  readonly peers: readonly Peer[];
  readonly orderers: readonly Orderer[];
  readonly chaincode: { readonly port: number };
  /** The Salus node; absent where another machine runs it or nobody does yet. */
  readonly node: SalusNode | undefined;
}

export interface Peer {
  readonly name: string;
  readonly port: number;
  /** Where the peer would await chaincode that it starts itself: on loopback, unused, but each peer needs its own. */
  readonly chaincodePort: number;
  readonly operationsPort: number;
}

export interface Orderer {
  readonly name: string;
  readonly port: number;
  /** The channel participation API, on loopback, with mutual TLS. */
  readonly adminPort: number;
  readonly operationsPort: number;
}

export interface SalusNode {
  readonly port: number;
  readonly exchangePort: number;
}

/** The organisation of that slug; undefined where the consortium has none. */
export function findOrganisation(consortium: Consortium, slug: string): Organisation | undefined {
  return consortium.organisations.find((organisation) => organisation.slug === slug);
}

/** Every port that an organisation's machines listen on, with what listens there. */
export function portsOf(organisation: Organisation): readonly { readonly port: number; readonly use: string }[] {
  const { slug, peers, orderers, chaincode, node } = organisation;
  return [
    ...peers.flatMap(({ name, port, chaincodePort, operationsPort }) => [
      { port, use: `${slug}'s ${name}` },
      { port: chaincodePort, use: `${slug}'s ${name} (chaincodePort)` },
      { port: operationsPort, use: `${slug}'s ${name} (operationsPort)` },
    ]),
    ...orderers.flatMap(({ name, port, adminPort, operationsPort }) => [
      { port, use: `${slug}'s ${name}` },
      { port: adminPort, use: `${slug}'s ${name} (adminPort)` },
      { port: operationsPort, use: `${slug}'s ${name} (operationsPort)` },
    ]),
    { port: chaincode.port, use: `${slug}'s chaincode` },
    ...(node === undefined
      ? []
      : [
          { port: node.port, use: `${slug}'s node` },
          { port: node.exchangePort, use: `${slug}'s node (exchangePort)` },
        ]),
  ];
}
