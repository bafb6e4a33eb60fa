import { hash } from 'node:crypto';
import { common, ledger, peer } from '@hyperledger/fabric-protos';
import timestamps from 'google-protobuf/google/protobuf/timestamp_pb.js';
import type { Machine } from './machines.ts';

/** A transaction before it is signed: whoever doctors one changes a part of it. */
export type Proposed = {
  readonly txId: string;
  readonly timestampMs: number;
  readonly creator: Machine;
  readonly endorsers: readonly Machine[];
  readonly chaincode: string;
  readonly version: string;
  readonly args: readonly Uint8Array[];
  readonly response: { readonly status: number; readonly payload: Uint8Array };
  /** By namespace; null deletes. */
  readonly writes: Readonly<Record<string, ReadonlyMap<string, Uint8Array | null>>>;
  /** Keys of the chaincode's namespace whose endorsement policy is written. */
  readonly policies?: readonly string[];
};

/** The envelope of an endorsed transaction. `forged`: endorsers whose signature is of other bytes. */
export function endorsedEnvelope(proposed: Proposed, forged: readonly Machine[] = []): Uint8Array {
  const answer = new peer.ProposalResponsePayload();
  answer.setProposalHash(Buffer.alloc(32));
  answer.setExtension$(chaincodeAction(proposed).serializeBinary());
  const signed = answer.serializeBinary();
  const endorsed = new peer.ChaincodeEndorsedAction();
  endorsed.setProposalResponsePayload(signed);
  endorsed.setEndorsementsList(
    proposed.endorsers.map((machine) => {
      const message = Buffer.concat([signed, machine.identity]);
      const endorsement = new peer.Endorsement();
      endorsement.setEndorser(machine.identity);
      endorsement.setSignature(machine.sign(forged.includes(machine) ? Buffer.concat([message, message]) : message));
      return endorsement;
    }),
  );
  const payload = new peer.ChaincodeActionPayload();
  payload.setChaincodeProposalPayload(proposalPayload(proposed).serializeBinary());
  payload.setAction(endorsed);
  const action = new peer.TransactionAction();
  action.setPayload(payload.serializeBinary());
  const transaction = new peer.Transaction();
  transaction.setActionsList([action]);
  return envelopeOf(common.HeaderType.ENDORSER_TRANSACTION, proposed, transaction.serializeBinary());
}

/** A channel's configuration with these organisations' groups. */
export function configurationEnvelope(
  groups: ReadonlyMap<string, common.ConfigGroup>,
  by: { readonly creator: Machine; readonly timestampMs: number },
): Uint8Array {
  const application = new common.ConfigGroup();
  for (const [name, group] of groups) application.getGroupsMap().set(name, group);
  const channel = new common.ConfigGroup();
  channel.getGroupsMap().set('Application', application);
  const config = new common.Config();
  config.setChannelGroup(channel);
  const envelope = new common.ConfigEnvelope();
  envelope.setConfig(config);
  return envelopeOf(common.HeaderType.CONFIG, { txId: '', ...by }, envelope.serializeBinary());
}

/** What committing a chaincode's definition writes to `_lifecycle`. */
export function definitionWrites(chaincode: string, version: string): ReadonlyMap<string, Uint8Array> {
  const info = new peer.lifecycle.ChaincodeEndorsementInfo();
  info.setVersion(version);
  const data = new peer.lifecycle.StateData();
  data.setBytes(info.serializeBinary());
  return new Map([[`namespaces/fields/${chaincode}/EndorsementInfo`, data.serializeBinary()]]);
}

function chaincodeAction({ chaincode, version, response, writes, policies = [] }: Proposed): peer.ChaincodeAction {
  const id = new peer.ChaincodeID();
  id.setName(chaincode);
  id.setVersion(version);
  const answer = new peer.Response();
  answer.setStatus(response.status);
  answer.setPayload(response.payload);
  const results = new ledger.rwset.TxReadWriteSet();
  results.setNsRwsetList(
    Object.entries(writes).map(([namespace, set]) => {
      const kv = new ledger.rwset.kvrwset.KVRWSet();
      kv.setWritesList([...set].map(writeOf));
      kv.setMetadataWritesList(namespace === chaincode ? policies.map(policyOf) : []);
      const named = new ledger.rwset.NsReadWriteSet();
      named.setNamespace(namespace);
      named.setRwset(kv.serializeBinary());
      return named;
    }),
  );
  const action = new peer.ChaincodeAction();
  action.setChaincodeId(id);
  action.setResponse(answer);
  action.setResults(results.serializeBinary());
  return action;
}

function writeOf([key, value]: readonly [string, Uint8Array | null]): ledger.rwset.kvrwset.KVWrite {
  const write = new ledger.rwset.kvrwset.KVWrite();
  write.setKey(key);
  if (value === null) write.setIsDelete(true);
  else write.setValue(value);
  return write;
}

function policyOf(key: string): ledger.rwset.kvrwset.KVMetadataWrite {
  const write = new ledger.rwset.kvrwset.KVMetadataWrite();
  write.setKey(key);
  return write;
}

function proposalPayload({ chaincode, args }: Proposed): peer.ChaincodeProposalPayload {
  const input = new peer.ChaincodeInput();
  input.setArgsList([...args]);
  const id = new peer.ChaincodeID();
  id.setName(chaincode);
  const specification = new peer.ChaincodeSpec();
  specification.setChaincodeId(id);
  specification.setInput(input);
  const invocation = new peer.ChaincodeInvocationSpec();
  invocation.setChaincodeSpec(specification);
  const payload = new peer.ChaincodeProposalPayload();
  payload.setInput(invocation.serializeBinary());
  return payload;
}

function envelopeOf(
  type: common.HeaderTypeMap[keyof common.HeaderTypeMap],
  { txId, timestampMs, creator }: Pick<Proposed, 'txId' | 'timestampMs' | 'creator'>,
  data: Uint8Array,
): Uint8Array {
  const timestamp = new timestamps.Timestamp();
  timestamp.setSeconds(Math.floor(timestampMs / 1_000));
  timestamp.setNanos((timestampMs % 1_000) * 1_000_000);
  const channelHeader = new common.ChannelHeader();
  channelHeader.setType(type);
  channelHeader.setTxId(txId);
  channelHeader.setChannelId('salus');
  channelHeader.setTimestamp(timestamp);
  const signatureHeader = new common.SignatureHeader();
  signatureHeader.setCreator(creator.identity);
  signatureHeader.setNonce(hash('sha256', txId, 'buffer'));
  const header = new common.Header();
  header.setChannelHeader(channelHeader.serializeBinary());
  header.setSignatureHeader(signatureHeader.serializeBinary());
  const payload = new common.Payload();
  payload.setHeader(header);
  payload.setData(data);
  const bytes = payload.serializeBinary();
  const envelope = new common.Envelope();
  envelope.setPayload(bytes);
  envelope.setSignature(creator.sign(bytes));
  return envelope.serializeBinary();
}
