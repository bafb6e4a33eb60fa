import { common, peer } from '@hyperledger/fabric-protos';
import timestamp from 'google-protobuf/google/protobuf/timestamp_pb.js';
import { NetworkError } from '../network-error.ts';
import { callUnary, type PeerAddress, REQUEST_TIMEOUT_MS, withClient } from './connection.ts';
import { type FabricIdentity, newSignatureHeader, signBytes, transactionIdOf } from './identity.ts';

export type SystemCall = {
  /** Empty for what concerns the peer itself. */
  readonly channel: string;
  readonly chaincode: 'cscc' | 'qscc' | '_lifecycle';
  readonly args: readonly (string | Uint8Array)[];
  readonly timeoutMs?: number;
};

const REFUSED_FROM = 400;
const NOT_FOUND = 404;

/**
 * Asks a system chaincode of one peer (`protos.Endorser/ProcessProposal`) and returns the payload of its answer.
 * Throws `refused` or `not-found` with the chaincode's own message, `unavailable`, `timeout` or `malformed`.
 */
export async function askPeer(address: PeerAddress, identity: FabricIdentity, call: SystemCall): Promise<Uint8Array> {
  const proposal = buildProposal(identity, call);
  const signed = new peer.SignedProposal();
  signed.setProposalBytes(proposal);
  signed.setSignature(await signBytes(identity, proposal));
  const answer = await withClient(address, (client) =>
    callUnary(
      client,
      '/protos.Endorser/ProcessProposal',
      signed.serializeBinary(),
      call.timeoutMs ?? REQUEST_TIMEOUT_MS,
    ),
  );
  const response = decode('answer of a peer', () => peer.ProposalResponse.deserializeBinary(answer)).getResponse();
  if (response === undefined) throw new NetworkError('malformed', `${address.endpoint} answered without a response`);
  if (response.getStatus() >= REFUSED_FROM) {
    const code = response.getStatus() === NOT_FOUND ? 'not-found' : 'refused';
    throw new NetworkError(code, `${address.endpoint} refuses ${call.chaincode}: ${response.getMessage()}`);
  }
  return response.getPayload_asU8();
}

/** A channel header of now; `type` is one of `common.HeaderType`. */
export function channelHeader(
  type: number,
  channel: string,
  signature: common.SignatureHeader,
  timeMs: number = Date.now(),
): common.ChannelHeader {
  const header = new common.ChannelHeader();
  header.setType(type);
  header.setChannelId(channel);
  header.setTxId(transactionIdOf(signature));
  const at = new timestamp.Timestamp();
  at.fromDate(new Date(timeMs));
  header.setTimestamp(at);
  return header;
}

/** Decodes bytes that came from elsewhere. Throws `malformed`. */
export function decode<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new NetworkError('malformed', `${what} cannot be decoded`, { cause });
  }
}

function buildProposal(identity: FabricIdentity, call: SystemCall): Uint8Array {
  const signature = newSignatureHeader(identity);
  const chaincode = new peer.ChaincodeID();
  chaincode.setName(call.chaincode);
  const extension = new peer.ChaincodeHeaderExtension();
  extension.setChaincodeId(chaincode);
  const channel = channelHeader(common.HeaderType.ENDORSER_TRANSACTION, call.channel, signature);
  channel.setExtension$(extension.serializeBinary());
  const header = new common.Header();
  header.setChannelHeader(channel.serializeBinary());
  header.setSignatureHeader(signature.serializeBinary());
  const input = new peer.ChaincodeInput();
  input.setArgsList(call.args.map((arg) => Buffer.from(arg)));
  const spec = new peer.ChaincodeSpec();
  spec.setChaincodeId(chaincode);
  spec.setInput(input);
  const invocation = new peer.ChaincodeInvocationSpec();
  invocation.setChaincodeSpec(spec);
  const payload = new peer.ChaincodeProposalPayload();
  payload.setInput(invocation.serializeBinary());
  const proposal = new peer.Proposal();
  proposal.setHeader(header.serializeBinary());
  proposal.setPayload(payload.serializeBinary());
  return proposal.serializeBinary();
}
