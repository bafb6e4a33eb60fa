import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ensureOrganisationMaterial } from '../certificates/organisation-material.ts';
import {
  type ChaincodePackage,
  createChaincodePackage,
  type DeployingMember,
  type DeploymentState,
  deployChaincode,
  installChaincode,
  joinOrderer,
  joinPeer,
} from '../channel/index.ts';
import { writeExternalBuilder } from '../configuration/external-builder.ts';
import type { Consortium, Organisation } from '../consortium/consortium.ts';
import { writeNetworkId } from '../consortium/write-network-id.ts';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import type { ProcessSpec } from '../processes/process-table.ts';
import { awaitReady, startProcess } from '../processes/supervisor.ts';
import { adminIdentity, ordererAdministration, peerAddresses } from './addresses.ts';
import {
  bundleFile,
  type ContractsInUse,
  definitionVersion,
  findContractsInUse,
  keepContracts,
  packageLabel,
} from './contracts-in-use.ts';
import { ensureGenesisBlock } from './ensure-genesis.ts';
import { withNetworkLock } from './network-lock.ts';
import { type Binaries, chaincodeSpec, fabricSpecs } from './process-specs.ts';
import { CHAINCODE_NAME, writeConfiguration } from './write-configuration.ts';

/** A bundle of contracts with its name. */
export interface ContractsBundle extends ContractsInUse {
  readonly code: Uint8Array;
}

export interface UpInput {
  readonly layout: NetworkLayout;
  readonly consortium: Consortium;
  readonly binaries: Binaries;
  /** 32 bytes for each organisation that runs here: it seals its Fabric CA's keys. */
  readonly masterKeys: ReadonlyMap<string, Uint8Array>;
  /** The contracts of this software: run where the network runs none yet; later only `upgrade-contracts` changes them. */
  readonly bundle: () => Promise<ContractsBundle>;
  readonly nowMs: () => number;
  /** The one organisation that runs here; all of them when absent. */
  readonly only?: string;
}

export interface UpReport {
  readonly network: string;
  readonly started: readonly string[];
  readonly joined: readonly string[];
  readonly installed: readonly string[];
  readonly contracts: ContractsInUse;
  readonly deployment: DeploymentState;
  /** Nothing was started, joined, installed, approved or committed: it was all there. */
  readonly unchanged: boolean;
}

/**
 * Brings the network of a directory up, or the part of one organisation: keys and configuration, processes, channel,
 * chaincode. What is there stays; a second run changes nothing.
 */
export function upNetwork(input: UpInput): Promise<UpReport> {
  return withNetworkLock(input.layout, () => bringUp(input));
}

async function bringUp(input: UpInput): Promise<UpReport> {
  const { layout, consortium, binaries } = input;
  const organisations = organisationsHere(input);
  const network = ensureNetworkId(input);
  const [contracts] = await Promise.all([ensureContracts(input), ensureMaterial(input, organisations)]);
  writeExternalBuilder(layout.builder);
  for (const organisation of organisations) writeConfiguration({ layout, consortium, network }, organisation);
  const genesisBlock = ensureGenesisBlock({ layout, consortium, nowMs: input.nowMs() });
  const members = organisations.map((organisation) => memberOf(layout, organisation, contracts));
  const started = await startAll(layout, [
    ...organisations.flatMap((organisation) => fabricSpecs(layout, organisation, binaries)),
    ...members.map(({ organisation, chaincode }) =>
      chaincodeSpec(layout, organisation, {
        packageId: chaincode.packageId,
        bundle: bundleFile(layout, contracts),
      }),
    ),
  ]);
  const joined = await joinAll(input, members, genesisBlock);
  const installed = await installAll(members);
  const deployment = await deployChaincode({
    channel: consortium.channel.name,
    name: CHAINCODE_NAME,
    version: definitionVersion(contracts),
    policy: {
      required: Math.min(consortium.channel.endorsements, consortium.organisations.length),
      members: consortium.organisations.map(({ slug }) => slug),
    },
    members,
  });
  const unchanged = started.length + joined.length + installed.length === 0 && !deployment.changed;
  return { network, started, joined, installed, contracts, deployment, unchanged };
}

interface LocalMember extends DeployingMember {
  readonly organisation: Organisation;
  readonly chaincode: ChaincodePackage;
}

function organisationsHere({ consortium, only }: UpInput): readonly Organisation[] {
  if (only === undefined) return consortium.organisations;
  const found = consortium.organisations.filter(({ slug }) => slug === only);
  if (found.length === 0) {
    const slugs = consortium.organisations.map(({ slug }) => slug).join(', ');
    throw new NetworkError('not-found', `The consortium has no organisation ${only}; it has ${slugs}.`);
  }
  return found;
}

/** The id in consortium.yaml, else a fresh one that is written there. */
function ensureNetworkId({ layout, consortium }: UpInput): string {
  if (consortium.network !== undefined) return consortium.network;
  const network = randomBytes(16).toString('base64url');
  writeNetworkId(layout.consortium, network);
  return network;
}

async function ensureContracts({ layout, bundle }: UpInput): Promise<ContractsInUse> {
  const known = findContractsInUse(layout);
  if (known !== undefined) return known;
  const { code, ...contracts } = await bundle();
  keepContracts(layout, contracts, code);
  return contracts;
}

async function ensureMaterial(input: UpInput, organisations: readonly Organisation[]): Promise<void> {
  for (const organisation of organisations) {
    const masterKey = input.masterKeys.get(organisation.slug);
    if (masterKey === undefined)
      throw new NetworkError('not-found', `There is no master key for ${organisation.slug}.`);
    const layout = input.layout.organisation(organisation.slug);
    await ensureOrganisationMaterial({ organisation, layout, masterKey, nowMs: input.nowMs() });
  }
}

function memberOf(layout: NetworkLayout, organisation: Organisation, contracts: ContractsInUse): LocalMember {
  const { client, server } = layout.organisation(organisation.slug).chaincode;
  const chaincode = createChaincodePackage({
    label: packageLabel(contracts),
    address: `${organisation.host}:${organisation.chaincode.port}`,
    tls: {
      rootCertificate: readFileSync(server.authority, 'utf8'),
      clientCertificate: readFileSync(client.certificate, 'utf8'),
      clientKey: readFileSync(client.key, 'utf8'),
    },
  });
  return {
    organisation,
    chaincode,
    identity: adminIdentity(layout, organisation.slug),
    peers: peerAddresses(layout, organisation),
    packageId: chaincode.packageId,
  };
}

async function startAll(layout: NetworkLayout, specs: readonly ProcessSpec[]): Promise<readonly string[]> {
  const outcomes = await Promise.all(
    specs.map(async (spec) => ({ name: spec.name, outcome: await startProcess(layout, spec) })),
  );
  await Promise.all(specs.map(({ name }) => awaitReady(layout, name)));
  return outcomes.filter(({ outcome }) => outcome === 'started').map(({ name }) => name);
}

/** Has every orderer and peer here join the channel; names those that were not in it. */
async function joinAll(
  { layout, consortium }: UpInput,
  members: readonly LocalMember[],
  genesisBlock: Buffer,
): Promise<readonly string[]> {
  const { name: channel } = consortium.channel;
  const outcomes = await Promise.all(
    members.flatMap(({ organisation, identity, peers }) => [
      ...organisation.orderers.map(async (orderer) => ({
        name: `${organisation.slug}-${orderer.name}`,
        outcome: await joinOrderer(ordererAdministration(layout, organisation, orderer), channel, genesisBlock),
      })),
      ...peers.map(async (peer) => ({
        name: peer.endpoint,
        outcome: await joinPeer(peer, identity, channel, genesisBlock),
      })),
    ]),
  );
  return outcomes.filter(({ outcome }) => outcome === 'joined').map(({ name }) => name);
}

async function installAll(members: readonly LocalMember[]): Promise<readonly string[]> {
  const outcomes = await Promise.all(
    members.flatMap(({ identity, peers, chaincode }) =>
      peers.map(async (peer) => ({
        name: peer.endpoint,
        outcome: await installChaincode(peer, identity, chaincode),
      })),
    ),
  );
  return outcomes.filter(({ outcome }) => outcome === 'installed').map(({ name }) => name);
}
