import { peer } from '@hyperledger/fabric-protos';
import { callUnary, type PeerAddress, withClient } from './connection.ts';
import { type FabricIdentity, newSignatureHeader, signBytes } from './identity.ts';
import { decode } from './proposal.ts';

/**
 * Has a peer write a snapshot of a channel when it has committed this block; 0: of its last block, at once. It ends up
 * under the peer's `ledger.snapshots.rootDir`, in `completed/<channel>/<block>`. The identity administers the peer's
 * organisation. Throws `refused`, `unavailable`, `timeout`.
 */
export async function requestSnapshot(
  address: PeerAddress,
  admin: FabricIdentity,
  channel: string,
  blockNumber: number,
): Promise<void> {
  await ask(address, admin, 'Generate', requestFor(admin, channel, blockNumber));
}

/** Takes a request back that is not yet due. */
export async function cancelSnapshot(
  address: PeerAddress,
  admin: FabricIdentity,
  channel: string,
  blockNumber: number,
): Promise<void> {
  await ask(address, admin, 'Cancel', requestFor(admin, channel, blockNumber));
}

/** Blocks at which snapshots are still due, ascending. */
export async function listPendingSnapshots(
  address: PeerAddress,
  admin: FabricIdentity,
  channel: string,
): Promise<readonly number[]> {
  const query = new peer.SnapshotQuery();
  query.setSignatureHeader(newSignatureHeader(admin));
  query.setChannelId(channel);
  const answer = await ask(address, admin, 'QueryPendings', query.serializeBinary());
  return decode('pending snapshots', () => peer.QueryPendingSnapshotsResponse.deserializeBinary(answer))
    .getBlockNumbersList()
    .sort((left, right) => left - right);
}

function requestFor(admin: FabricIdentity, channel: string, blockNumber: number): Uint8Array {
  const request = new peer.SnapshotRequest();
  request.setSignatureHeader(newSignatureHeader(admin));
  request.setChannelId(channel);
  request.setBlockNumber(blockNumber);
  return request.serializeBinary();
}

/** The peer's snapshot service (peer/snapshot.proto). */
async function ask(
  address: PeerAddress,
  admin: FabricIdentity,
  method: 'Generate' | 'Cancel' | 'QueryPendings',
  request: Uint8Array,
): Promise<Uint8Array> {
  const signed = new peer.SignedSnapshotRequest();
  signed.setRequest(request);
  signed.setSignature(await signBytes(admin, request));
  return withClient(address, (client) => callUnary(client, `/protos.Snapshot/${method}`, signed.serializeBinary()));
}
