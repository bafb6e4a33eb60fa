export {
  withBatch,
  withConsenter,
  withOrganisation,
  withoutConsenter,
  withoutOrganisation,
  withPolicyRule,
  withRevocationLists,
} from './changes.ts';
export {
  type ChannelConfig,
  type ChannelView,
  type ConsenterView,
  decodeChannelConfig,
  describeChannel,
  type OrganisationView,
  readChannelConfig,
} from './config.ts';
export type {
  NodeAddress,
  OrdererAddress,
  PeerAddress,
} from './connection.ts';
export {
  BATCH_LIMITS,
  type BatchLimits,
  type Consensus,
  type Consenter,
} from './consensus.ts';
export { type DeployingMember, type Deployment, type DeploymentState, deployChaincode } from './deploy.ts';
export { describeProposal } from './describe-update.ts';
export { type ChannelDefinition, createGenesisBlock } from './genesis.ts';
export { type FabricIdentity, readIdentity } from './identity.ts';
export {
  approveChaincode,
  type ChaincodeDefinition,
  type CommittedChaincode,
  checkReadiness,
  commitChaincode,
  findApprovedPackage,
  findCommittedChaincode,
  type InstalledChaincode,
  installChaincode,
  listInstalledChaincodes,
} from './lifecycle.ts';
export {
  joinOrderer,
  leaveOrderer,
  listOrdererChannels,
  type OrdererAdministration,
  type OrdererChannel,
  readOrdererChannel,
} from './orderer.ts';
export { type HostPort, type OrganisationDefinition, readOrganisation } from './organisation.ts';
export { type ChaincodePackage, type ChaincodeService, createChaincodePackage } from './package.ts';
export { type ChainInfo, joinPeer, listPeerChannels, readBlock, readChainInfo, readConfigBlock } from './peer.ts';
export { defaultEndorsementPolicy, type EndorsementPolicy } from './policy.ts';
export { checkQuorum, describeQuorum, type PolicyState, type Quorum, type Requirement } from './quorum.ts';
export {
  createRevocationList,
  type RevocationListRequest,
  type RevokedSerial,
  readRevocationList,
  serialOf,
} from './revocation.ts';
export { awaitSequence, broadcastUpdate, sendUpdate, type UpdateRequest } from './send-update.ts';
export { cancelSnapshot, listPendingSnapshots, requestSnapshot } from './snapshot.ts';
export {
  configAfter,
  fingerprintOf,
  parseProposal,
  proposeUpdate,
  signProposal,
  type UpdateProposal,
  type UpdateSignature,
} from './update.ts';
