import { setTimeout as delay } from 'node:timers/promises';
import {
  type ChannelView,
  describeChannel,
  type FabricIdentity,
  joinOrderer,
  joinPeer,
  listOrdererChannels,
  type PeerAddress,
  readChannelConfig,
  readConfigBlock,
} from '../channel/index.ts';
import type { NetworkLayout } from '../layout.ts';
import { NetworkError } from '../network-error.ts';
import { ordererAdministration, processName } from './addresses.ts';
import type { LocalMember } from './member.ts';

/** A peer validates the chain from its first block before it knows of its own organisation's admission. */
export const ADMISSION_TIMEOUT_MS = 60_000;
const LOOK_MS = 50;

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

/**
 * Waits until each peer of the members here has come to the block that admits its organisation; before, it takes nothing from
 * that organisation's administrator. Throws NetworkError `timeout`.
 */
export async function awaitAdmission(channel: string, members: readonly LocalMember[]): Promise<void> {
  const endMs = performance.now() + ADMISSION_TIMEOUT_MS;
  await Promise.all(
    members.flatMap(({ identity, peers }) =>
      peers.map(async (peer) => {
        while (!(await isAdmitted(peer, identity, channel))) {
          if (performance.now() > endMs) {
            const what = `The peer ${peer.endpoint} of ${identity.mspId} has not come to a block that admits it`;
            throw new NetworkError(
              'timeout',
              `${what}: have the members run \`salus network add-org ${identity.mspId}\`?`,
            );
          }
          await delay(LOOK_MS);
        }
      }),
    ),
  );
}

async function isAdmitted(peer: PeerAddress, identity: FabricIdentity, channel: string): Promise<boolean> {
  try {
    const { organisations } = describeChannel(await readChannelConfig(peer, identity, channel));
    return organisations.some(({ mspId, member }) => mspId === identity.mspId && member);
  } catch (error) {
    // So a peer answers an administrator whose organisation it does not know yet.
    if (error instanceof NetworkError && error.code === 'refused') return false;
    throw error;
  }
}
