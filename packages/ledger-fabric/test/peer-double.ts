import { randomBytes } from 'node:crypto';
import { type ClientDuplexStream, credentials, type ServiceError } from '@grpc/grpc-js';
import { common, ledger, msp, peer } from '@hyperledger/fabric-protos';
import { Timestamp } from 'google-protobuf/google/protobuf/timestamp_pb.js';

const { ChaincodeMessage } = peer;
const { Type } = ChaincodeMessage;
type Message = peer.ChaincodeMessage;

const RANGE_PAGE = 100;
const BATCH_MAX = 1000;

export type DoubleOptions = {
  /** `host:port` of the chaincode. */
  readonly address: string;
  /** PEM: who certifies the chaincode, and what the peer shows; without it the peer shows nothing. */
  readonly authority: Buffer;
  readonly own?: { readonly certificate: Buffer; readonly key: Buffer };
  /** Does it take many keys in one message, as Fabric 3.1 does? */
  readonly batches?: boolean;
};

export type Proposal = {
  readonly functionName: string;
  readonly args?: readonly Uint8Array[];
  readonly creator: string;
  readonly timestampMs?: number;
  readonly transient?: ReadonlyMap<string, Uint8Array>;
  readonly channel?: string;
};

/** What the simulation of one transaction recorded. */
export type Simulation = {
  readonly status: number;
  readonly message: string;
  readonly payload: Buffer;
  readonly reads: readonly string[];
  readonly writes: ReadonlyMap<string, Buffer | null>;
  readonly questions: number;
};

type Open = {
  readonly reads: Set<string>;
  readonly writes: Map<string, Buffer | null>;
  questions: number;
  readonly settle: PromiseWithResolvers<Simulation>;
};

/**
 * The peer's side of the chaincode protocol (peer/chaincode_shim.proto): connects to a chaincode as a service, registers it,
 * hands it proposals and answers its questions from a state in memory, as core/chaincode/handler.go does.
 */
export class PeerDouble {
  readonly state = new Map<string, Buffer>();
  /** Package id under which the chaincode has registered. */
  readonly registered: Promise<string>;
  /** Settles when the stream has ended, with its error if there was one. */
  readonly ended: Promise<ServiceError | undefined>;
  /** Set to answer questions in another way than a peer does; `undefined` answers as a peer. */
  answer: ((message: Message) => Message | 'nothing' | undefined) | undefined;
  readonly #client: peer.ChaincodeClient;
  readonly #stream: ClientDuplexStream<Message, Message>;
  readonly #open = new Map<string, Open>();
  readonly #ranges = new Map<string, readonly [string, Buffer][]>();
  readonly #batches: boolean;

  constructor({ address, authority, own, batches = true }: DoubleOptions) {
    this.#batches = batches;
    const tls = credentials.createSsl(authority, own?.key ?? null, own?.certificate ?? null);
    this.#client = new peer.ChaincodeClient(address, tls, {
      'grpc.max_receive_message_length': -1,
      'grpc.ssl_target_name_override': 'localhost',
    });
    this.#stream = this.#client.connect() as ClientDuplexStream<Message, Message>;
    const { promise, resolve } = Promise.withResolvers<string>();
    const ended = Promise.withResolvers<ServiceError | undefined>();
    this.registered = promise;
    this.ended = ended.promise;
    this.#stream.on('data', (message: Message) => this.#receive(message, resolve));
    this.#stream.on('error', (error: ServiceError) => ended.resolve(error));
    this.#stream.on('end', () => ended.resolve(undefined));
    void this.ended.then((error) => {
      for (const { settle } of this.#open.values()) settle.reject(error ?? new Error('the chaincode ended the stream'));
    });
  }

  /** Sends any message, as no peer would. */
  send(message: Message): void {
    this.#stream.write(message);
  }

  async simulate(proposal: Proposal): Promise<Simulation> {
    await this.registered;
    const txId = randomBytes(32).toString('hex');
    const channel = proposal.channel ?? 'consortium';
    const open: Open = {
      reads: new Set(),
      writes: new Map(),
      questions: 0,
      settle: Promise.withResolvers<Simulation>(),
    };
    this.#open.set(txId, open);
    const input = new peer.ChaincodeInput();
    input.setArgsList([Buffer.from(proposal.functionName), ...(proposal.args ?? [])]);
    const message = newMessage(Type.TRANSACTION, input.serializeBinary(), { txId, channel });
    message.setProposal(signedProposal(proposal, { txId, channel }));
    this.send(message);
    return open.settle.promise;
  }

  /** Applies what a simulation wrote. */
  commit({ writes }: Simulation): void {
    for (const [key, value] of writes) {
      if (value === null) this.state.delete(key);
      else this.state.set(key, value);
    }
  }

  close(): void {
    this.#stream.cancel();
    this.#client.close();
  }

  #receive(message: Message, onRegister: (id: string) => void): void {
    const type = message.getType();
    if (type === Type.REGISTER) {
      onRegister(peer.ChaincodeID.deserializeBinary(message.getPayload_asU8()).getName());
      this.send(newMessage(Type.REGISTERED, new Uint8Array(0)));
      this.send(newMessage(Type.READY, this.#offers()));
      return;
    }
    const open = this.#open.get(message.getTxid());
    if (open === undefined) return;
    if (type === Type.COMPLETED) {
      this.#complete(message, open);
      return;
    }
    open.questions += 1;
    const instead = this.answer?.(message);
    if (instead === 'nothing') return;
    const about = { txId: message.getTxid(), channel: message.getChannelId() };
    this.send(instead ?? newMessage(Type.RESPONSE, this.#respond(message, open), about));
  }

  #complete(message: Message, open: Open): void {
    this.#open.delete(message.getTxid());
    const response = peer.Response.deserializeBinary(message.getPayload_asU8());
    open.settle.resolve({
      status: response.getStatus(),
      message: response.getMessage(),
      payload: Buffer.from(response.getPayload_asU8()),
      reads: [...open.reads].sort(),
      writes: open.writes,
      questions: open.questions,
    });
  }

  #respond(message: Message, open: Open): Uint8Array {
    const payload = message.getPayload_asU8();
    const none = new Uint8Array(0);
    switch (message.getType()) {
      case Type.GET_STATE:
        return this.#read(peer.GetState.deserializeBinary(payload).getKey(), open);
      case Type.GET_STATE_MULTIPLE: {
        const result = new peer.GetStateMultipleResult();
        const keys = peer.GetStateMultiple.deserializeBinary(payload).getKeysList();
        result.setValuesList(keys.map((key) => this.#read(key, open)));
        return result.serializeBinary();
      }
      case Type.PUT_STATE: {
        const put = peer.PutState.deserializeBinary(payload);
        open.writes.set(put.getKey(), Buffer.from(put.getValue_asU8()));
        return none;
      }
      case Type.DEL_STATE:
        open.writes.set(peer.DelState.deserializeBinary(payload).getKey(), null);
        return none;
      case Type.WRITE_BATCH_STATE:
        for (const record of peer.WriteBatchState.deserializeBinary(payload).getRecList()) {
          const isPut = record.getType() === peer.WriteRecord.Type.PUT_STATE;
          open.writes.set(record.getKey(), isPut ? Buffer.from(record.getValue_asU8()) : null);
        }
        return none;
      case Type.GET_STATE_BY_RANGE: {
        const range = peer.GetStateByRange.deserializeBinary(payload);
        return this.#page(randomBytes(8).toString('hex'), this.#entries(range.getStartkey(), range.getEndkey()));
      }
      case Type.QUERY_STATE_NEXT: {
        const id = peer.QueryStateNext.deserializeBinary(payload).getId();
        return this.#page(id, this.#ranges.get(id) ?? []);
      }
      case Type.QUERY_STATE_CLOSE: {
        const id = peer.QueryStateClose.deserializeBinary(payload).getId();
        this.#ranges.delete(id);
        return this.#page(id, []);
      }
      default:
        throw new Error(`the chaincode asks something of type ${message.getType()}`);
    }
  }

  #read(key: string, open: Open): Uint8Array {
    open.reads.add(key);
    return this.state.get(key) ?? new Uint8Array(0);
  }

  #entries(start: string, end: string): readonly [string, Buffer][] {
    return [...this.state]
      .filter(([key]) => key >= start && key < end)
      .sort(([left], [right]) => (left < right ? -1 : 1));
  }

  #page(id: string, entries: readonly [string, Buffer][]): Uint8Array {
    const response = new peer.QueryResponse();
    response.setId(id);
    response.setHasMore(entries.length > RANGE_PAGE);
    this.#ranges.set(id, entries.slice(RANGE_PAGE));
    for (const [key, value] of entries.slice(0, RANGE_PAGE)) {
      const entry = new ledger.queryresult.KV();
      entry.setKey(key);
      entry.setValue(value);
      const bytes = new peer.QueryResultBytes();
      bytes.setResultbytes(entry.serializeBinary());
      response.addResults(bytes);
    }
    return response.serializeBinary();
  }

  #offers(): Uint8Array {
    const offers = new peer.ChaincodeAdditionalParams();
    offers.setUseWriteBatch(this.#batches);
    offers.setMaxSizeWriteBatch(BATCH_MAX);
    offers.setUseGetMultipleKeys(this.#batches);
    offers.setMaxSizeGetMultipleKeys(BATCH_MAX);
    return offers.serializeBinary();
  }
}

/** `about` is the transaction that the message belongs to. */
export function newMessage(
  type: number,
  payload: Uint8Array,
  about: { readonly txId?: string; readonly channel?: string } = {},
): Message {
  const message = new ChaincodeMessage();
  message.setType(type as peer.ChaincodeMessage.TypeMap[keyof peer.ChaincodeMessage.TypeMap]);
  message.setPayload(payload);
  message.setTxid(about.txId ?? '');
  message.setChannelId(about.channel ?? '');
  return message;
}

function signedProposal(
  { creator, timestampMs = Date.now(), transient = new Map() }: Proposal,
  about: { readonly txId: string; readonly channel: string },
): peer.SignedProposal {
  const identity = new msp.SerializedIdentity();
  identity.setMspid(creator);
  const signatureHeader = new common.SignatureHeader();
  signatureHeader.setCreator(identity.serializeBinary());
  signatureHeader.setNonce(randomBytes(24));
  const time = new Timestamp();
  time.setSeconds(Math.floor(timestampMs / 1000));
  time.setNanos((timestampMs % 1000) * 1_000_000);
  const channelHeader = new common.ChannelHeader();
  channelHeader.setType(common.HeaderType.ENDORSER_TRANSACTION);
  channelHeader.setChannelId(about.channel);
  channelHeader.setTxId(about.txId);
  channelHeader.setTimestamp(time);
  const header = new common.Header();
  header.setChannelHeader(channelHeader.serializeBinary());
  header.setSignatureHeader(signatureHeader.serializeBinary());
  const payload = new peer.ChaincodeProposalPayload();
  payload.setInput(new Uint8Array([10, 0]));
  for (const [name, value] of transient) payload.getTransientmapMap().set(name, value);
  const proposal = new peer.Proposal();
  proposal.setHeader(header.serializeBinary());
  proposal.setPayload(payload.serializeBinary());
  const signed = new peer.SignedProposal();
  signed.setProposalBytes(proposal.serializeBinary());
  return signed;
}
