import { common, peer } from '@hyperledger/fabric-protos';
import type { PeerAddress } from './connection.ts';
import type { FabricIdentity } from './identity.ts';
import { askPeer, decode } from './proposal.ts';

export type ChainInfo = {
  /** Number of blocks. */
  readonly height: number;
  /** Hash of the newest block's header, and of the one before it. */
  readonly currentHash: Buffer;
  readonly previousHash: Buffer;
};

/**
 * Has a peer join a channel, as `peer channel join` does. From the genesis block the peer fetches and validates every
 * block since. The identity is an administrator of the peer's own organisation.
 */
export async function joinPeer(
  address: PeerAddress,
  identity: FabricIdentity,
  channel: string,
  block: Uint8Array,
): Promise<'joined' | 'already'> {
  if ((await listPeerChannels(address, identity)).includes(channel)) return 'already';
  await askPeer(address, identity, { channel: '', chaincode: 'cscc', args: ['JoinChain', block] });
  return 'joined';
}

/** Names of the channels that a peer has joined, in byte order. */
export async function listPeerChannels(address: PeerAddress, identity: FabricIdentity): Promise<readonly string[]> {
  const payload = await askPeer(address, identity, { channel: '', chaincode: 'cscc', args: ['GetChannels'] });
  const listed = decode('list of channels', () => peer.ChannelQueryResponse.deserializeBinary(payload));
  return listed
    .getChannelsList()
    .map((channel) => channel.getChannelId())
    .sort();
}

/** How far a peer is. Throws `refused` where it has not joined. */
export async function readChainInfo(
  address: PeerAddress,
  identity: FabricIdentity,
  channel: string,
): Promise<ChainInfo> {
  const payload = await askPeer(address, identity, { channel, chaincode: 'qscc', args: ['GetChainInfo', channel] });
  const info = decode('chain information', () => common.BlockchainInfo.deserializeBinary(payload));
  return {
    height: info.getHeight(),
    currentHash: Buffer.from(info.getCurrentblockhash_asU8()),
    previousHash: Buffer.from(info.getPreviousblockhash_asU8()),
  };
}

/** One block as the peer stores it (common.proto `Block`). */
export async function readBlock(
  address: PeerAddress,
  identity: FabricIdentity,
  channel: string,
  number: number,
): Promise<Buffer> {
  const args = ['GetBlockByNumber', channel, number.toString()];
  return Buffer.from(await askPeer(address, identity, { channel, chaincode: 'qscc', args }));
}

/** The newest configuration block: with it a further orderer joins a running channel. */
export async function readConfigBlock(
  address: PeerAddress,
  identity: FabricIdentity,
  channel: string,
): Promise<Buffer> {
  const args = ['GetConfigBlock', channel];
  return Buffer.from(await askPeer(address, identity, { channel: '', chaincode: 'cscc', args }));
}
