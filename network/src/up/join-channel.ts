import { type ChannelView, joinOrderer, joinPeer, listOrdererChannels, readConfigBlock } from '../channel/index.ts';
import type { NetworkLayout } from '../layout.ts';
import { ordererAdministration, processName } from './addresses.ts';
import type { LocalMember } from './member.ts';

export interface JoinInput {
  readonly layout: NetworkLayout;
  readonly channel: string;
  readonly members: readonly LocalMember[];
  readonly genesisBlock: Buffer;
  /** The channel as a peer here knows it; undefined where it does not run here yet. */
  readonly view: ChannelView | undefined;
}

/**
 * Has every orderer and peer of the members here join the channel; names those that were not in it. A peer begins with the
 * genesis block, so that it validates the whole chain; an orderer with the newest configuration, which must name it.
 */
export async function joinChannel(input: JoinInput): Promise<readonly string[]> {
  const outcomes = await Promise.all([...ordererJoins(input), ...peerJoins(input)]);
  return outcomes.filter(({ outcome }) => outcome === 'joined').map(({ name }) => name);
}

interface Outcome {
  readonly name: string;
  readonly outcome: 'joined' | 'already';
}

function ordererJoins({ layout, channel, members, genesisBlock, view }: JoinInput): readonly Promise<Outcome>[] {
  const named = (host: string, port: number): boolean =>
    view === undefined || view.consenters.some((one) => one.host === host && one.port === port);
  return members.flatMap(({ organisation, identity, peers }) =>
    organisation.orderers
      .filter(({ port }) => named(organisation.host, port))
      .map(async (orderer): Promise<Outcome> => {
        const name = processName(organisation.slug, orderer.name);
        const administration = ordererAdministration(layout, organisation, orderer);
        const running = view !== undefined && view.sequence > 0;
        const [peer] = peers;
        if (!running || peer === undefined || (await listOrdererChannels(administration)).includes(channel)) {
          return { name, outcome: await joinOrderer(administration, channel, genesisBlock) };
        }
        const block = await readConfigBlock(peer, identity, channel);
        return { name, outcome: await joinOrderer(administration, channel, block) };
      }),
  );
}

function peerJoins({ channel, members, genesisBlock }: JoinInput): readonly Promise<Outcome>[] {
  return members.flatMap(({ organisation, identity, peers }) =>
    peers.map(
      async (peer, index): Promise<Outcome> => ({
        name: processName(organisation.slug, organisation.peers[index]?.name ?? peer.endpoint),
        outcome: await joinPeer(peer, identity, channel, genesisBlock),
      }),
    ),
  );
}
