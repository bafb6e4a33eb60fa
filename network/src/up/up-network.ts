import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { definitionVersion, findDefinedBundle } from '@salus/ledger-fabric/bundle';
import { ensureOrganisationMaterial, isElsewhere } from '../certificates/organisation-material.ts';
import { type ChannelView, type DeploymentState, deployChaincode, installChaincode } from '../channel/index.ts';
import { writeExternalBuilder } from '../configuration/external-builder.ts';
import type { Consortium, Organisation } from '../consortium/consortium.ts';
import { writeNetworkId } from '../consortium/write-consortium.ts';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import type { ProcessSpec } from '../processes/process-table.ts';
import { awaitElsewhere, awaitReady, startProcess, stopProcess } from '../processes/supervisor.ts';
import {
  bundleFile,
  type ContractsBundle,
  type ContractsInUse,
  findContractsInUse,
  keepBundle,
  useContracts,
} from './contracts-in-use.ts';
import { ensureGenesisBlock } from './ensure-genesis.ts';
import { awaitAdmission, joinChannel } from './join-channel.ts';
import { endorsementPolicy, findChannelView, findCommittedVersion, type LocalMember, localMember } from './member.ts';
import { withNetworkLock } from './network-lock.ts';
import { type Binaries, chaincodeSpec, fabricSpecs } from './process-specs.ts';
import { CHAINCODE_NAME, writeConfiguration } from './write-configuration.ts';

export interface UpInput {
  readonly layout: NetworkLayout;
  readonly consortium: Consortium;
  readonly binaries: Binaries;
  /** 32 bytes for each organisation that runs here: it seals its Fabric CA's keys. */
  readonly masterKeys: ReadonlyMap<string, Uint8Array>;
  /** The contracts of this software: run where the network runs none yet; later only `upgradeContracts` changes them. */
  readonly bundle: () => Promise<ContractsBundle>;
  readonly nowMs: () => number;
  /** The one organisation that runs here; all of them when absent. */
  readonly only?: string | undefined;
  /** False where somebody else (systemd) starts the processes: they are awaited, and none is started or ended. */
  readonly start?: boolean;
}

export interface UpReport {
  readonly network: string;
  readonly started: readonly string[];
  /** Processes that run with an older configuration than the one that consortium.yaml now asks for. */
  readonly outdated: readonly string[];
  readonly joined: readonly string[];
  readonly installed: readonly string[];
  /** Organisations of consortium.yaml that the channel has not admitted: nothing of the channel reaches them. */
  readonly outside: readonly string[];
  readonly contracts: ContractsInUse;
  readonly deployment: DeploymentState | undefined;
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
  const { layout, consortium } = input;
  const organisations = organisationsHere(input);
  const network = ensureNetworkId(input);
  const [recorded] = await Promise.all([ensureContracts(input), ensureMaterial(input, organisations)]);
  writeExternalBuilder(layout.builder);
  const changed = organisations.flatMap((organisation) => [
    ...writeConfiguration({ layout, consortium, network }, organisation),
  ]);
  const genesisBlock = ensureGenesisBlock({ layout, consortium, nowMs: input.nowMs() });
  const known = organisations.map((organisation) => localMember(layout, organisation, recorded));
  const started = [...(await startAll(input, specsOf(input, known, recorded)))];
  const view = await findChannelView(known, consortium.channel.name);
  const contracts = await followCommitted(input, known, recorded);
  const all = organisations.map((organisation) => localMember(layout, organisation, contracts));
  if (contracts !== recorded) {
    const services = await replaceChaincode(input, all, contracts);
    (input.start === false ? changed : started).push(...services);
  }
  const members = all.filter(({ organisation }) => isMember(view, organisation));
  const joined = await joinChannel({ layout, channel: consortium.channel.name, members, genesisBlock, view });
  const [installed] = await Promise.all([installAll(members), awaitAdmission(consortium.channel.name, members)]);
  const deployment = await deploy(input, { members, view, contracts });
  return {
    network,
    started,
    outdated: changed.filter((name) => !started.includes(name)),
    joined,
    installed,
    outside: consortium.organisations.filter((one) => !isMember(view, one)).map(({ slug }) => slug),
    contracts,
    deployment,
    unchanged: started.length + joined.length + installed.length === 0 && deployment?.changed !== true,
  };
}

/** Before the channel runs here, all of consortium.yaml are its members: so its genesis block says. */
function isMember(view: ChannelView | undefined, { slug }: Organisation): boolean {
  return view === undefined || view.organisations.some(({ mspId, member }) => mspId === slug && member);
}

/**
 * The organisations that run on this host: the named one, else all whose keys are or will be here. Those of which only the
 * public part is here run elsewhere. Throws NetworkError `not-found`.
 */
export function organisationsHere({
  layout,
  consortium,
  only,
}: Pick<UpInput, 'layout' | 'consortium' | 'only'>): readonly Organisation[] {
  if (only === undefined) {
    return consortium.organisations.filter((one) => !isElsewhere(one, layout.organisation(one.slug)));
  }
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
  const built = await bundle();
  keepBundle(layout, built);
  useContracts(layout, built);
  return { contracts: built.contracts, sha256hex: built.sha256hex };
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

/** The Fabric processes and chaincode services of members, as they are started. */
export function specsOf(
  { layout, binaries }: Pick<UpInput, 'layout' | 'binaries'>,
  members: readonly LocalMember[],
  contracts: ContractsInUse,
): readonly ProcessSpec[] {
  return members.flatMap((member) => [
    ...fabricSpecs(layout, member.organisation, binaries),
    serviceSpec(layout, member, contracts),
  ]);
}

function serviceSpec(
  layout: NetworkLayout,
  { organisation, packageId }: LocalMember,
  contracts: ContractsInUse,
): ProcessSpec {
  return chaincodeSpec(layout, organisation, { packageId, bundle: bundleFile(layout, contracts) });
}

/**
 * The contracts that the channel has committed to, which others may have brought forward; those on record where it has none
 * yet. Throws NetworkError `not-found` where their bundle is not here: this host's software is older than the channel's.
 */
async function followCommitted(
  { layout, consortium }: UpInput,
  members: readonly LocalMember[],
  recorded: ContractsInUse,
): Promise<ContractsInUse> {
  const version = await findCommittedVersion(members, { channel: consortium.channel.name, name: CHAINCODE_NAME });
  const sha256hex = version === undefined ? undefined : findDefinedBundle(version);
  if (version === undefined || sha256hex === recorded.sha256hex) return recorded;
  if (sha256hex === undefined)
    throw new NetworkError('malformed', `The channel's contracts ${version} name no bundle.`);
  const committed = { contracts: version.slice(0, version.length - sha256hex.length - 1), sha256hex };
  if (!existsSync(bundleFile(layout, committed))) {
    const what = `The channel runs contracts ${version}, which are not in ${layout.bundles}`;
    throw new NetworkError(
      'not-found',
      `${what}: run \`salus network upgrade-contracts\` with the software that has them.`,
    );
  }
  useContracts(layout, committed);
  return committed;
}

/** Names the services that serve, or where somebody else starts them must be made to serve, the given contracts. */
async function replaceChaincode(
  input: UpInput,
  members: readonly LocalMember[],
  contracts: ContractsInUse,
): Promise<readonly string[]> {
  const { layout } = input;
  const specs = members.map((member) => serviceSpec(layout, member, contracts));
  if (input.start === false) return specs.map(({ name }) => name);
  await Promise.all(specs.map(({ name }) => stopProcess(layout, name)));
  return startAll(input, specs);
}

async function startAll({ layout, start }: UpInput, specs: readonly ProcessSpec[]): Promise<readonly string[]> {
  if (start === false) {
    await Promise.all(specs.map(awaitElsewhere));
    return [];
  }
  const outcomes = await Promise.all(
    specs.map(async (spec) => ({ name: spec.name, outcome: await startProcess(layout, spec) })),
  );
  await Promise.all(specs.map(({ name }) => awaitReady(layout, name)));
  return outcomes.filter(({ outcome }) => outcome === 'started').map(({ name }) => name);
}

/** Names the peers on which the package was not installed yet. */
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

interface Deploying {
  readonly members: readonly LocalMember[];
  readonly view: ChannelView | undefined;
  readonly contracts: ContractsInUse;
}

/** Approves for the organisations here and commits as soon as a majority has; nothing where none of them is a member. */
async function deploy(
  { consortium }: UpInput,
  { members, view, contracts }: Deploying,
): Promise<DeploymentState | undefined> {
  if (members.length === 0) return undefined;
  const slugs =
    view === undefined
      ? consortium.organisations.map(({ slug }) => slug)
      : view.organisations.filter(({ member }) => member).map(({ mspId }) => mspId);
  return deployChaincode({
    channel: consortium.channel.name,
    name: CHAINCODE_NAME,
    version: definitionVersion(contracts.contracts, contracts.sha256hex),
    policy: endorsementPolicy(consortium, slugs),
    members,
  });
}
