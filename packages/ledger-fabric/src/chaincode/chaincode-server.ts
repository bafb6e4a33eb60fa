import ShimServer, { type Response, type Stream, type Stub } from 'fabric-shim/lib/server.js';
import type { FabricError } from '../fabric-error.ts';
import { proposalTimeMs } from '../wire.ts';
import { fault } from './answer.ts';
import { invoke } from './functions.ts';
import { GuardedStream } from './guarded-stream.ts';
import type { Answer, Chaincode, Invocation } from './invocation.ts';
import { ShimPeer } from './shim-peer.ts';

/** Bytes of one message: a proposal carries the argument twice and the sealed values, an answer up to a thousand values. */
const MESSAGE_BYTES_MAX = 32 * 1024 * 1024;
/** Transactions that run at once. */
export const TRANSACTIONS_MAX = 256;
/** How long open transactions get at the end. */
const FINISH_MAX_MS = 2_000;

export type ServerOptions = {
  /** The package id under which peers know this chaincode. */
  readonly chaincodeId: string;
  /** `host:port` to listen at. */
  readonly address: string;
};

/** fabric-shim's server for one chaincode: peers connect to it by mutual TLS and hand it proposals. */
export class ChaincodeServer extends ShimServer implements AsyncDisposable {
  readonly #onRefused: (cause: FabricError) => void;

  constructor(chaincode: Chaincode, { chaincodeId, address }: ServerOptions) {
    const { certificate, key, clientAuthority } = chaincode.configuration.tls;
    super(shimChaincode(chaincode), {
      ccid: chaincodeId,
      address,
      tlsProps: { cert: certificate, key, clientCACerts: clientAuthority },
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    });
    this.#onRefused = chaincode.onFault;
  }

  override connect(stream: Stream): void {
    super.connect(new GuardedStream(stream, this.#onRefused));
  }

  /** Takes no new connections, lets open transactions end, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const server = this._server;
    const timer = setTimeout(() => server.forceShutdown(), FINISH_MAX_MS);
    await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
    clearTimeout(timer);
  }
}

function shimChaincode(chaincode: Chaincode) {
  let running = 0;
  const run = async (stub: Stub): Promise<Response> => {
    const invocation = findInvocation(stub);
    if (invocation === undefined) return answer(fault('malformed'));
    if (running >= TRANSACTIONS_MAX) return answer(fault('overloaded'));
    running += 1;
    try {
      return answer(await invoke(chaincode, invocation));
    } finally {
      running -= 1;
    }
  };
  // The definition asks for no initialisation: whoever does it anyhow gets nothing done.
  return { Init: async () => answer(fault('malformed')), Invoke: run };
}

/** A proposal without function, creator or time is none. */
function findInvocation(stub: Stub): Invocation | undefined {
  const [name, ...args] = stub.getBufferArgs();
  const creator = stub.getCreator()?.mspid;
  const { txTimestamp } = stub;
  const stream = stub.handler._stream;
  if (name === undefined || creator === undefined || txTimestamp === undefined) return undefined;
  if (!(stream instanceof GuardedStream)) return undefined;
  return {
    channel: stub.getChannelID(),
    functionName: name.toString('utf8'),
    args,
    transient: stub.getTransient() ?? new Map(),
    creator,
    timestampMs: proposalTimeMs({ seconds: txTimestamp.getSeconds(), nanos: txTimestamp.getNanos() }),
    peer: new ShimPeer(stub, stream),
  };
}

function answer({ status, message, payload }: Answer): Response {
  return { status, message, payload };
}
