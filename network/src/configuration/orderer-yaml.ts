import { join } from 'node:path';
import type { Orderer, Organisation } from '../consortium/consortium.ts';
import type { MachineLayout } from '../layout.ts';
import { listenHost } from './listen-host.ts';

export interface OrdererInput {
  readonly organisation: Organisation;
  readonly orderer: Orderer;
  readonly layout: MachineLayout;
}

/** The content of an orderer's orderer.yaml (fabric sampleconfig/orderer.yaml, v3.1): only what Salus needs. */
export function ordererYaml({ organisation, orderer, layout }: OrdererInput): object {
  const { slug, host } = organisation;
  const { tls } = layout;
  return {
    General: {
      ListenAddress: listenHost(host),
      ListenPort: orderer.port,
      LocalMSPDir: layout.msp,
      LocalMSPID: slug,
      BootstrapMethod: 'none',
      BCCSP: { Default: 'SW', SW: { Hash: 'SHA2', Security: 256 } },
      TLS: {
        Enabled: true,
        PrivateKey: tls.key,
        Certificate: tls.certificate,
        RootCAs: [tls.authority],
        ClientAuthRequired: false,
      },
      Cluster: {
        SendBufferSize: 100,
        // How a BFT orderer that was away catches up. With Fabric's default, `consensus`, it could end up deaf to the next
        // change of leaders (three of three runs under load), with `simple` in none of twelve changes. The quorum's
        // signatures on each block are verified either way.
        ReplicationPolicy: 'simple',
        // With Fabric's 7 s a killed leader costs seven seconds of commits, with these under three.
        RPCTimeout: '2s',
        DialTimeout: '2s',
        ClientCertificate: tls.certificate,
        ClientPrivateKey: tls.key,
        // The channel's configuration names those of the others, and keeps them current.
        RootCAs: [tls.authority],
      },
      Keepalive: { ServerMinInterval: '1s', ServerInterval: '2s', ServerTimeout: '1s' },
      Authentication: { TimeWindow: '15m', NoExpirationChecks: false },
    },
    FileLedger: { Location: layout.data },
    ChannelParticipation: { Enabled: true, MaxRequestBodySize: '1 MB' },
    Admin: {
      ListenAddress: `127.0.0.1:${orderer.adminPort}`,
      TLS: {
        Enabled: true,
        Certificate: tls.certificate,
        PrivateKey: tls.key,
        ClientAuthRequired: true,
        ClientRootCAs: [tls.authority],
      },
    },
    Operations: { ListenAddress: `127.0.0.1:${orderer.operationsPort}`, TLS: { Enabled: false } },
    Metrics: { Provider: 'prometheus' },
    Consensus: { WALDir: join(layout.data, 'wal'), SnapDir: join(layout.data, 'snap') },
  };
}
