import { createHash, randomBytes } from 'node:crypto';
import { common, gateway, peer } from '@hyperledger/fabric-protos';
import timestamp from 'google-protobuf/google/protobuf/timestamp_pb.js';

/** Bytes of a nonce in a signature header (protoutil). */
const NONCE_BYTES = 24;
const NANOS_PER_MS = 1_000_000;

export type ProposalInput = {
  /** Serialized identity (msp/identities.proto) of who signs. */
  readonly creator: Uint8Array;
  readonly channel: string;
  readonly chaincode: string;
  /** Function name and arguments. */
  readonly args: readonly Uint8Array[];
  /** Travels to the endorsers and never enters the transaction. */
  readonly transient: ReadonlyMap<string, Uint8Array>;
  /** MSP ids of the organisations that shall endorse; the peer's gateway sends the proposal to one peer of each. */
  readonly endorsers: readonly string[];
  /** The transaction's time: milliseconds since the epoch. */
  readonly timestampMs: number;
};

/** A proposal as `Gateway.newProposal` takes it, not yet signed. */
export type Proposal = {
  /** Fabric's transaction id: SHA-256 of nonce and creator, hex (protoutil `ComputeTxID`). */
  readonly txId: string;
  /** `gateway.ProposedTransaction` (gateway/gateway.proto). */
  readonly bytes: Uint8Array;
};

/** The SDK's own builder takes the time from the machine; ours from whoever owns the clock. */
export function newProposal(input: ProposalInput): Proposal {
  const nonce = randomBytes(NONCE_BYTES);
  const txId = createHash('sha256').update(nonce).update(input.creator).digest('hex');
  const proposal = new peer.Proposal();
  proposal.setHeader(headerOf(input, nonce, txId));
  proposal.setPayload(payloadOf(input));
  const signed = new peer.SignedProposal();
  signed.setProposalBytes(proposal.serializeBinary());
  const proposed = new gateway.ProposedTransaction();
  proposed.setProposal(signed);
  proposed.setTransactionId(txId);
  proposed.setEndorsingOrganizationsList([...input.endorsers]);
  return { txId, bytes: proposed.serializeBinary() };
}

function headerOf(input: ProposalInput, nonce: Uint8Array, txId: string): Uint8Array {
  const extension = new peer.ChaincodeHeaderExtension();
  extension.setChaincodeId(chaincodeId(input.chaincode));
  const channelHeader = new common.ChannelHeader();
  channelHeader.setType(common.HeaderType.ENDORSER_TRANSACTION);
  channelHeader.setTxId(txId);
  channelHeader.setTimestamp(timestampOf(input.timestampMs));
  channelHeader.setChannelId(input.channel);
  channelHeader.setExtension$(extension.serializeBinary());
  channelHeader.setEpoch(0);
  const signatureHeader = new common.SignatureHeader();
  signatureHeader.setCreator(input.creator);
  signatureHeader.setNonce(nonce);
  const header = new common.Header();
  header.setChannelHeader(channelHeader.serializeBinary());
  header.setSignatureHeader(signatureHeader.serializeBinary());
  return header.serializeBinary();
}

function payloadOf({ chaincode, args, transient }: ProposalInput): Uint8Array {
  const input = new peer.ChaincodeInput();
  input.setArgsList([...args]);
  const spec = new peer.ChaincodeSpec();
  spec.setType(peer.ChaincodeSpec.Type.NODE);
  spec.setChaincodeId(chaincodeId(chaincode));
  spec.setInput(input);
  const invocation = new peer.ChaincodeInvocationSpec();
  invocation.setChaincodeSpec(spec);
  const payload = new peer.ChaincodeProposalPayload();
  payload.setInput(invocation.serializeBinary());
  const fields = payload.getTransientmapMap();
  for (const [name, value] of transient) fields.set(name, value);
  return payload.serializeBinary();
}

function chaincodeId(name: string): peer.ChaincodeID {
  const id = new peer.ChaincodeID();
  id.setName(name);
  return id;
}

function timestampOf(timestampMs: number): timestamp.Timestamp {
  const at = new timestamp.Timestamp();
  at.setSeconds(Math.floor(timestampMs / 1_000));
  at.setNanos((timestampMs % 1_000) * NANOS_PER_MS);
  return at;
}
