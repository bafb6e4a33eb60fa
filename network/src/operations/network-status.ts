import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { machinesOf } from '../certificates/organisation-material.ts';
import {
  type ChainInfo,
  type ChannelView,
  describeChannel,
  readChainInfo,
  readChannelConfig,
} from '../channel/index.ts';
import { NetworkError } from '../network-error.ts';
import { listProcesses, type ProcessStatus } from '../processes/supervisor.ts';
import { type ContractsInUse, findContractsInUse } from '../up/contracts-in-use.ts';
import { administratorsHere, type NetworkPlace } from './channel-update.ts';

export const EXPIRY_WARNING_MS = 60 * 86_400_000;

export interface PeerStatus {
  readonly name: string;
  /** Undefined where the peer does not answer or is not in the channel; `problem` says which. */
  readonly chain: ChainInfo | undefined;
  readonly problem: string | undefined;
}

export interface NetworkStatus {
  readonly processes: readonly ProcessStatus[];
  readonly peers: readonly PeerStatus[];
  readonly channel: ChannelView | undefined;
  readonly contracts: ContractsInUse | undefined;
  /** Certificates of machines here that end within 60 days, or have ended. */
  readonly expiring: readonly { readonly machine: string; readonly notAfterMs: number }[];
}

/** What runs here, how far each peer here is, and what the channel is made of. Never throws for what does not answer. */
export async function readNetworkStatus(place: NetworkPlace, nowMs: number): Promise<NetworkStatus> {
  const { layout } = place;
  const peers = await Promise.all(administratorsHere(place).flatMap((one) => peerStates(place, one)));
  return {
    processes: listProcesses(layout),
    peers: peers.map(({ name, chain, problem }) => ({ name, chain, problem })),
    channel: peers.find(({ view }) => view !== undefined)?.view,
    contracts: findContractsInUse(layout),
    expiring: expiringCertificates(place, nowMs),
  };
}

type PeerState = PeerStatus & { readonly view: ChannelView | undefined };

function peerStates(
  { consortium }: NetworkPlace,
  { organisation, identity, peers }: ReturnType<typeof administratorsHere>[number],
): readonly Promise<PeerState>[] {
  const { name: channel } = consortium.channel;
  return organisation.peers.map(async (one, index): Promise<PeerState> => {
    const name = `${organisation.slug}-${one.name}`;
    try {
      const peer = peers[index]!;
      const chain = await readChainInfo(peer, identity, channel);
      const view = describeChannel(await readChannelConfig(peer, identity, channel));
      return { name, chain, view, problem: undefined };
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      return { name, chain: undefined, view: undefined, problem: error.message };
    }
  });
}

function expiringCertificates({ layout, consortium }: NetworkPlace, nowMs: number): NetworkStatus['expiring'] {
  return consortium.organisations
    .flatMap((organisation) => machinesOf(organisation, layout.organisation(organisation.slug)))
    .flatMap(({ commonName, layout: machine }) =>
      [join(machine.msp, 'signcerts', 'cert.pem'), machine.tls.certificate]
        .filter((file) => existsSync(file))
        .map((file) => ({
          machine: commonName,
          notAfterMs: new X509Certificate(readFileSync(file)).validToDate.getTime(),
        })),
    )
    .filter(({ notAfterMs }) => notAfterMs < nowMs + EXPIRY_WARNING_MS);
}
