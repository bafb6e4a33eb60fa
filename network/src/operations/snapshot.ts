import { readChainInfo, requestSnapshot } from '../channel/index.ts';
import { type Administrator, administratorsHere, type NetworkPlace } from './channel-update.ts';
import { requireOrganisation } from './membership.ts';

export interface SnapshotTaken {
  readonly peer: string;
  /** The last block that the snapshot holds. */
  readonly block: number;
  /** Where the peer writes it. */
  readonly folder: string;
}

/** Has the peers of the organisations here write a snapshot of the channel at its newest block. */
export async function takeSnapshots(place: NetworkPlace, only?: string): Promise<readonly SnapshotTaken[]> {
  if (only !== undefined) requireOrganisation(place, only);
  const here = administratorsHere(place).filter(({ organisation }) => only === undefined || organisation.slug === only);
  const taken = await Promise.all(here.map((administrator) => takeOf(place, administrator)));
  return taken.flat();
}

async function takeOf(
  { layout, consortium }: NetworkPlace,
  { organisation, identity, peers }: Administrator,
): Promise<readonly SnapshotTaken[]> {
  const channel = consortium.channel.name;
  return Promise.all(
    organisation.peers.map(async ({ name }, index): Promise<SnapshotTaken> => {
      const peer = peers[index]!;
      const block = (await readChainInfo(peer, identity, channel)).height - 1;
      // 0 asks for the newest block, whichever that is when the request arrives.
      await requestSnapshot(peer, identity, channel, 0);
      const { data } = layout.organisation(organisation.slug).peer(name);
      const folder = `${data}/snapshots/completed/${channel}`;
      return { peer: `${organisation.slug}-${name}`, block, folder };
    }),
  );
}
