import type { Organisation, Peer } from '../consortium/consortium.ts';
import type { MachineLayout } from '../layout.ts';
import { listenHost } from './listen-host.ts';

export interface CoreInput {
  readonly network: string;
  readonly organisation: Organisation;
  readonly peer: Peer;
  readonly layout: MachineLayout;
  readonly builder: string;
}

/**
 * The content of a peer's core.yaml (fabric sampleconfig/core.yaml, v3.1): only what Salus needs. Times are chosen for quick
 * recovery; with Fabric's own the loss of an orderer costs clients up to half a minute.
 */
export function coreYaml({ network, organisation, peer, layout, builder }: CoreInput): object {
  const { slug, host } = organisation;
  const endpoint = `${host}:${peer.port}`;
  const others = organisation.peers.filter(({ name }) => name !== peer.name).map(({ port }) => `${host}:${port}`);
  return {
    peer: {
      id: `${peer.name}.${slug}`,
      networkId: network,
      listenAddress: `${listenHost(host)}:${peer.port}`,
      address: endpoint,
      // Each peer on a host needs its own, although Salus's chaincode is a service that the peer calls.
      chaincodeListenAddress: `127.0.0.1:${peer.chaincodePort}`,
      chaincodeAddress: `127.0.0.1:${peer.chaincodePort}`,
      localMspId: slug,
      mspConfigPath: layout.msp,
      fileSystemPath: layout.data,
      authentication: { timewindow: '15m' },
      tls: {
        enabled: true,
        clientAuthRequired: false,
        cert: { file: layout.tls.certificate },
        key: { file: layout.tls.key },
        rootcert: { file: layout.tls.authority },
      },
      BCCSP: { Default: 'SW', SW: { Hash: 'SHA2', Security: 256 } },
      keepalive: {
        interval: '60s',
        timeout: '20s',
        minInterval: '1s',
        client: { interval: '10s', timeout: '5s' },
        // Not below the orderers' Keepalive.ServerMinInterval, or they close the connection.
        deliveryClient: { interval: '2s', timeout: '1s' },
      },
      gossip: gossip({ endpoint, bootstrap: [...others, endpoint] }),
      gateway: { enabled: true, endorsementTimeout: '30s', broadcastTimeout: '3s', dialTimeout: '10s' },
      deliveryclient: {
        blockGossipEnabled: false,
        policy: 'cluster',
        reconnectTotalTimeThreshold: '3600s',
        connTimeout: '1s',
        reConnectBackoffThreshold: '1s',
        blockCensorshipTimeoutKey: '3s',
        minimalReconnectInterval: '100ms',
      },
      discovery: {
        enabled: true,
        authCacheEnabled: true,
        authCacheMaxSize: 1000,
        authCachePurgeRetentionRatio: 0.75,
        orgMembersAllowedAccess: false,
      },
      handlers: {
        authFilters: [{ name: 'DefaultAuth' }, { name: 'ExpirationCheck' }, { name: 'TimeWindowCheck' }],
        decorators: [{ name: 'DefaultDecorator' }],
        endorsers: { escc: { name: 'DefaultEndorsement' } },
        validators: { vscc: { name: 'DefaultValidation' } },
      },
      limits: { concurrency: { endorserService: 2500, deliverService: 2500, gatewayService: 500 } },
    },
    // Docker is not used: chaincode runs as a service, which the external builder names to the peer.
    vm: { endpoint: '' },
    chaincode: {
      mode: 'net',
      installTimeout: '60s',
      startuptimeout: '60s',
      executetimeout: '30s',
      externalBuilders: [{ name: 'salus-ccaas', path: builder, propagateEnvironment: [] }],
      // One message for many keys: the chaincode uses it where the peer offers it (Fabric 3.1).
      runtimeParams: {
        useWriteBatch: true,
        maxSizeWriteBatch: 1000,
        useGetMultipleKeys: true,
        maxSizeGetMultipleKeys: 1000,
      },
      system: { _lifecycle: 'enable', cscc: 'enable', lscc: 'enable', qscc: 'enable' },
    },
    ledger: {
      state: { stateDatabase: 'goleveldb', totalQueryLimit: 100_000 },
      history: { enableHistoryDatabase: true },
      snapshots: { rootDir: `${layout.data}/snapshots` },
    },
    operations: { listenAddress: `127.0.0.1:${peer.operationsPort}`, tls: { enabled: false } },
    metrics: { provider: 'prometheus' },
  };
}

/** Short intervals, so that the first endorsement across organisations does not wait for a membership round. */
function gossip({ endpoint, bootstrap }: { readonly endpoint: string; readonly bootstrap: readonly string[] }): object {
  return {
    bootstrap: bootstrap.join(' '),
    // Every peer takes its blocks from the orderers itself and waits for no other.
    useLeaderElection: false,
    orgLeader: true,
    endpoint,
    externalEndpoint: endpoint,
    state: { enabled: false },
    reconnectInterval: '500ms',
    dialTimeout: '500ms',
    connTimeout: '500ms',
    aliveTimeInterval: '2s',
    publishStateInfoInterval: '500ms',
    requestStateInfoInterval: '500ms',
    membershipTrackerInterval: '5s',
    pvtData: {
      implicitCollectionDisseminationPolicy: { requiredPeerCount: 0, maxPeerCount: 1 },
      pullRetryThreshold: '5s',
      transientstoreMaxBlockRetention: 20_000,
      pushAckTimeout: '3s',
      btlPullMargin: 10,
      reconcileBatchSize: 10,
      reconcileSleepInterval: '1m',
      reconciliationEnabled: true,
    },
  };
}
