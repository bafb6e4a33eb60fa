export { describeProgram, diagnoseBinaries, requireBinaries } from './binaries/find-binaries.ts';
export { installArchive } from './binaries/install-archive.ts';
export { importCertificates } from './certificates/external-certificates.ts';
export { machinesOf } from './certificates/organisation-material.ts';
export {
  type ChannelView,
  describeChannel,
  describeQuorum,
  leaveOrderer,
  parseProposal,
  type UpdateProposal,
} from './channel/index.ts';
export { type Consortium, findOrganisation, type Organisation, portsOf } from './consortium/consortium.ts';
export { consortiumSchema } from './consortium/consortium-schema.ts';
export { demonstrationFile } from './consortium/demonstration-file.ts';
export { parseConsortium } from './consortium/parse-consortium.ts';
export { removeOrganisation } from './consortium/write-consortium.ts';
export { type NetworkLayout, networkLayout } from './layout.ts';
export { NETWORK_CODES, NetworkError, type NetworkErrorCode } from './network-error.ts';
export {
  type NetworkPlace,
  type PreparedUpdate,
  prepareUpdate,
  readConfigHere,
  sendPrepared,
  signAndDescribe,
} from './operations/channel-update.ts';
export {
  admissionOf,
  type Change,
  departureOf,
  ensureMaterialHere,
  ordererAdmissionOf,
  requireOrganisation,
  settingsOf,
} from './operations/membership.ts';
export { type NetworkStatus, readNetworkStatus } from './operations/network-status.ts';
export { exportOrganisation, importOrganisation } from './operations/organisation-card.ts';
export { revocationOf } from './operations/revoke.ts';
export { serviceUnits } from './operations/service-units.ts';
export { takeSnapshots } from './operations/snapshot.ts';
export { upgradeContracts } from './operations/upgrade-contracts.ts';
export { listProcesses, logFile, type ProcessStatus, restartProcess } from './processes/supervisor.ts';
export { startTestNetwork, type TestNetwork, type TestNetworkOptions, testConsortium } from './test-network.ts';
export type { ContractsBundle } from './up/contracts-in-use.ts';
export { downNetwork } from './up/down-network.ts';
export { type NodeSecrets, requireOutside } from './up/node-secrets.ts';
export type { Binaries } from './up/process-specs.ts';
export {
  awaitFirstTransaction,
  awaitNode,
  awaitNodeReady,
  hasNode,
  startNode,
  type WithNode,
  writeNodeAddresses,
} from './up/start-nodes.ts';
export { organisationsHere, type UpInput, type UpReport, upNetwork } from './up/up-network.ts';
