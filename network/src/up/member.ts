import { readFileSync } from 'node:fs';
import { packageLabel } from '@salus/ledger-fabric/bundle';
import {
  type ChaincodePackage,
  type ChannelView,
  createChaincodePackage,
  type DeployingMember,
  describeChannel,
  type EndorsementPolicy,
  findCommittedChaincode,
  listPeerChannels,
  readChannelConfig,
} from '../channel/index.ts';
import type { Consortium, Organisation } from '../consortium/consortium.ts';
import type { NetworkLayout } from '../layout.ts';
import { adminIdentity, peerAddresses } from './addresses.ts';
import type { ContractsInUse } from './contracts-in-use.ts';

/** An organisation whose administrator acts on this host. */
export interface LocalMember extends DeployingMember {
  readonly organisation: Organisation;
  readonly chaincode: ChaincodePackage;
}

/** The organisation's administrator, peers and chaincode package; the package id follows from keys and bundle. */
export function localMember(layout: NetworkLayout, organisation: Organisation, contracts: ContractsInUse): LocalMember {
  const { client, server } = layout.organisation(organisation.slug).chaincode;
  const chaincode = createChaincodePackage({
    label: packageLabel(contracts.contracts, contracts.sha256hex),
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

/** The channel as the first peer here knows it that has joined; undefined where none has. */
export async function findChannelView(
  members: readonly Pick<LocalMember, 'identity' | 'peers'>[],
  channel: string,
): Promise<ChannelView | undefined> {
  for (const { identity, peers } of members) {
    for (const peer of peers) {
      const joined = await listPeerChannels(peer, identity);
      if (joined.includes(channel)) return describeChannel(await readChannelConfig(peer, identity, channel));
    }
  }
  return undefined;
}

/** The version of the definition that the channel has committed; undefined where no peer here knows one. */
export async function findCommittedVersion(
  members: readonly Pick<LocalMember, 'identity' | 'peers'>[],
  { channel, name }: { readonly channel: string; readonly name: string },
): Promise<string | undefined> {
  for (const { identity, peers } of members) {
    for (const peer of peers) {
      if (!(await listPeerChannels(peer, identity)).includes(channel)) continue;
      return (await findCommittedChaincode(peer, identity, channel, name))?.version;
    }
  }
  return undefined;
}

/** Who must endorse: any organisations of those given, as many as consortium.yaml asks and there are. */
export function endorsementPolicy({ channel }: Consortium, members: readonly string[]): EndorsementPolicy {
  // Sorted, so that the order in consortium.yaml does not make another policy.
  return { required: Math.min(channel.endorsements, members.length), members: [...members].sort() };
}
