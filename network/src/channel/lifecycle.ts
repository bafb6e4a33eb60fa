import type { Client } from '@grpc/grpc-js';
import { connect, GatewayError, hash, type Network, signers } from '@hyperledger/fabric-gateway';
import { peer } from '@hyperledger/fabric-protos';
import { NetworkError } from '../network-error.ts';
import { asNetworkError, type PeerAddress, REQUEST_TIMEOUT_MS, withClient } from './connection.ts';
import { type FabricIdentity, parseKey } from './identity.ts';
import type { ChaincodePackage } from './package.ts';
import { applicationPolicy, type EndorsementPolicy, findEndorsementPolicy } from './policy.ts';
import { askPeer, decode } from './proposal.ts';

const { lifecycle } = peer;

/** What the members agree on before a chaincode serves a channel. The same for all of them, byte for byte. */
export type ChaincodeDefinition = {
  readonly name: string;
  readonly version: string;
  /** 1 for the first definition, one more for each later one. */
  readonly sequence: number;
  readonly policy: EndorsementPolicy;
};

export type CommittedChaincode = Omit<ChaincodeDefinition, 'policy'> & {
  /** Undefined where the policy has another form than this package writes. */
  readonly policy: EndorsementPolicy | undefined;
  readonly approvals: Readonly<Record<string, boolean>>;
};

export type InstalledChaincode = { readonly packageId: string; readonly label: string };

/** Fabric's own plugins: what a definition without others names. */
const ENDORSEMENT_PLUGIN = 'escc';
const VALIDATION_PLUGIN = 'vscc';

/** Installs a package on one peer, and does nothing where it is. The identity administers the peer's organisation. */
export async function installChaincode(
  address: PeerAddress,
  admin: FabricIdentity,
  chaincode: ChaincodePackage,
): Promise<'installed' | 'already'> {
  const installed = await listInstalledChaincodes(address, admin);
  if (installed.some(({ packageId }) => packageId === chaincode.packageId)) return 'already';
  const args = new lifecycle.InstallChaincodeArgs();
  args.setChaincodeInstallPackage(chaincode.bytes);
  const payload = await ask(address, admin, '', 'InstallChaincode', args);
  const result = decode('result of an installation', () => lifecycle.InstallChaincodeResult.deserializeBinary(payload));
  if (result.getPackageId() !== chaincode.packageId) {
    throw new NetworkError(
      'malformed',
      `${address.endpoint} installed ${result.getPackageId()} instead of ${chaincode.packageId}`,
    );
  }
  return 'installed';
}

export async function listInstalledChaincodes(
  address: PeerAddress,
  admin: FabricIdentity,
): Promise<readonly InstalledChaincode[]> {
  const args = new lifecycle.QueryInstalledChaincodesArgs();
  const payload = await ask(address, admin, '', 'QueryInstalledChaincodes', args);
  return decode('installed chaincodes', () => lifecycle.QueryInstalledChaincodesResult.deserializeBinary(payload))
    .getInstalledChaincodesList()
    .map((entry) => ({ packageId: entry.getPackageId(), label: entry.getLabel() }));
}

/**
 * Approves a definition for the identity's own organisation, with the package that its peers run. Fabric refuses the
 * same approval twice: see `findApprovedPackage`. Throws `refused`, `unavailable`, `timeout`.
 */
export async function approveChaincode(
  address: PeerAddress,
  admin: FabricIdentity,
  channel: string,
  definition: ChaincodeDefinition,
  packageId: string,
): Promise<void> {
  const local = new lifecycle.ChaincodeSource.Local();
  local.setPackageId(packageId);
  const source = new lifecycle.ChaincodeSource();
  source.setLocalPackage(local);
  const args = new lifecycle.ApproveChaincodeDefinitionForMyOrgArgs();
  fill(args, definition);
  args.setSource(source);
  await submit(address, admin, channel, 'ApproveChaincodeDefinitionForMyOrg', args, [admin.mspId]);
}

/** The package that the identity's organisation approved for exactly this definition; undefined where it did not. */
export async function findApprovedPackage(
  address: PeerAddress,
  admin: FabricIdentity,
  channel: string,
  definition: ChaincodeDefinition,
): Promise<string | undefined> {
  const args = new lifecycle.QueryApprovedChaincodeDefinitionArgs();
  args.setName(definition.name);
  args.setSequence(definition.sequence);
  const payload = await findAnswer(ask(address, admin, channel, 'QueryApprovedChaincodeDefinition', args));
  if (payload === undefined) return undefined;
  const approved = decode('approved definition', () =>
    lifecycle.QueryApprovedChaincodeDefinitionResult.deserializeBinary(payload),
  );
  return sameTerms(approved, definition) ? approved.getSource()?.getLocalPackage()?.getPackageId() : undefined;
}

/** Which organisations have approved exactly this definition, by MSP id. */
export async function checkReadiness(
  address: PeerAddress,
  identity: FabricIdentity,
  channel: string,
  definition: ChaincodeDefinition,
): Promise<Readonly<Record<string, boolean>>> {
  const args = new lifecycle.CheckCommitReadinessArgs();
  fill(args, definition);
  const payload = await ask(address, identity, channel, 'CheckCommitReadiness', args);
  const result = decode('readiness', () => lifecycle.CheckCommitReadinessResult.deserializeBinary(payload));
  return Object.fromEntries(result.getApprovalsMap().entries());
}

/** Commits a definition that a majority approved; peers of `endorsing` organisations attest it. */
export async function commitChaincode(
  address: PeerAddress,
  admin: FabricIdentity,
  channel: string,
  definition: ChaincodeDefinition,
  endorsing: readonly string[],
): Promise<void> {
  const args = new lifecycle.CommitChaincodeDefinitionArgs();
  fill(args, definition);
  await submit(address, admin, channel, 'CommitChaincodeDefinition', args, endorsing);
}

/** The definition that serves a channel; undefined before the first. */
export async function findCommittedChaincode(
  address: PeerAddress,
  identity: FabricIdentity,
  channel: string,
  name: string,
): Promise<CommittedChaincode | undefined> {
  const args = new lifecycle.QueryChaincodeDefinitionArgs();
  args.setName(name);
  const payload = await findAnswer(ask(address, identity, channel, 'QueryChaincodeDefinition', args));
  if (payload === undefined) return undefined;
  const result = decode('committed definition', () =>
    lifecycle.QueryChaincodeDefinitionResult.deserializeBinary(payload),
  );
  return {
    name,
    version: result.getVersion(),
    sequence: result.getSequence(),
    policy: findEndorsementPolicy(result.getValidationParameter_asU8()),
    approvals: Object.fromEntries(result.getApprovalsMap().entries()),
  };
}

type DefinitionMessage = {
  setName?(name: string): void;
  setVersion(version: string): void;
  setSequence(sequence: number): void;
  setEndorsementPlugin(plugin: string): void;
  setValidationPlugin(plugin: string): void;
  setValidationParameter(bytes: Uint8Array): void;
};

/** Whether a stored approval is of this definition in every field, collections (which none of ours has) included. */
function sameTerms(
  approved: peer.lifecycle.QueryApprovedChaincodeDefinitionResult,
  definition: ChaincodeDefinition,
): boolean {
  const policy = applicationPolicy(definition.policy).serializeBinary();
  return (
    approved.getVersion() === definition.version &&
    approved.getSequence() === definition.sequence &&
    approved.getEndorsementPlugin() === ENDORSEMENT_PLUGIN &&
    approved.getValidationPlugin() === VALIDATION_PLUGIN &&
    !approved.getInitRequired() &&
    (approved.getCollections()?.getConfigList().length ?? 0) === 0 &&
    Buffer.from(approved.getValidationParameter_asU8()).equals(policy)
  );
}

/** The fields that every message about a definition has in common (peer/lifecycle/lifecycle.proto). */
function fill(message: DefinitionMessage, definition: ChaincodeDefinition): void {
  if (!Number.isSafeInteger(definition.sequence) || definition.sequence < 1) {
    throw new NetworkError('bad-input', 'the sequence of a definition counts from 1');
  }
  message.setName?.(definition.name);
  message.setVersion(definition.version);
  message.setSequence(definition.sequence);
  message.setEndorsementPlugin(ENDORSEMENT_PLUGIN);
  message.setValidationPlugin(VALIDATION_PLUGIN);
  message.setValidationParameter(applicationPolicy(definition.policy).serializeBinary());
}

function ask(
  address: PeerAddress,
  identity: FabricIdentity,
  channel: string,
  name: string,
  args: { serializeBinary(): Uint8Array },
): Promise<Uint8Array> {
  return askPeer(address, identity, { channel, chaincode: '_lifecycle', args: [name, args.serializeBinary()] });
}

async function findAnswer(answer: Promise<Uint8Array>): Promise<Uint8Array | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof NetworkError && (error.code === 'not-found' || NOT_APPROVED.test(error.message))) {
      return undefined;
    }
    throw error;
  }
}

/** What a peer says of a sequence that its organisation has not approved (core/chaincode/lifecycle). */
const NOT_APPROVED = /could not fetch approved chaincode definition/;

/** One transaction of `_lifecycle` through the peer's gateway service, until it is committed. */
async function submit(
  address: PeerAddress,
  admin: FabricIdentity,
  channel: string,
  name: string,
  args: { serializeBinary(): Uint8Array },
  endorsing: readonly string[],
): Promise<void> {
  await withClient(address, async (client) => {
    const network = openNetwork(client, admin, channel);
    try {
      await network
        .getContract('_lifecycle')
        .submit(name, { arguments: [args.serializeBinary()], endorsingOrganizations: [...endorsing] });
    } catch (error) {
      throw explained(error, name);
    }
  });
}

function openNetwork(client: Client, admin: FabricIdentity, channel: string): Network {
  const options = () => ({ deadline: Date.now() + REQUEST_TIMEOUT_MS });
  return connect({
    client,
    identity: { mspId: admin.mspId, credentials: Buffer.from(admin.certificate) },
    signer: signers.newPrivateKeySigner(parseKey(admin)),
    hash: hash.sha256,
    endorseOptions: options,
    submitOptions: options,
    commitStatusOptions: options,
  }).getNetwork(channel);
}

/** The gateway's error with what each peer or orderer said. */
function explained(error: unknown, doing: string): unknown {
  if (!(error instanceof GatewayError)) {
    return new NetworkError('refused', `${doing}: ${error instanceof Error ? error.message : 'not committed'}`, {
      cause: error,
    });
  }
  const details = error.details.map(({ address, message }) => `${address}: ${message}`).join('; ');
  const plain = asNetworkError(error.cause, doing);
  return new NetworkError(plain.code, details === '' ? plain.message : `${plain.message} (${details})`, {
    cause: error,
  });
}
