/**
 * What is used of fabric-shim 2.5.8 below its own types: the server alone, without the command line and the contract API that its
 * index loads. The version is pinned.
 */
declare module 'fabric-shim/lib/server.js' {
  import type { Server } from '@grpc/grpc-js';

  /** `protos.ChaincodeMessage` of the version of fabric-protos that fabric-shim brings. */
  export interface Message {
    getType(): number;
    setType(type: number): void;
    getTxid(): string;
    setTxid(txId: string): void;
    getChannelId(): string;
    setChannelId(channel: string): void;
    getPayload_asU8(): Uint8Array;
    setPayload(payload: Uint8Array): void;
  }

  /** The side of a gRPC stream that the handler uses. */
  export interface Stream {
    on(event: 'data', listener: (message: Message) => void): unknown;
    on(event: 'end' | 'close' | 'cancelled', listener: () => void): unknown;
    on(event: 'error', listener: (error: Error) => void): unknown;
    write(message: Message): unknown;
    end(): unknown;
  }

  /** `lib/handler.js`: asks the peer, one question of a transaction after the other. */
  export interface Handler {
    readonly _stream: Stream;
    /** A plain answer's payload; `method` names those that are decoded further. */
    _askPeerAndListen(message: Message, method: string): Promise<Uint8Array>;
  }

  export interface Stub {
    readonly handler: Handler;
    /** google.protobuf.Timestamp of the channel header. */
    readonly txTimestamp: { getSeconds(): number; getNanos(): number } | undefined;
    getTxID(): string;
    getChannelID(): string;
    getBufferArgs(): readonly Buffer[];
    getCreator(): { readonly mspid: string } | undefined;
    getTransient(): ReadonlyMap<string, Buffer> | undefined;
    getState(key: string): Promise<Buffer>;
    putState(key: string, value: Buffer): Promise<void>;
    deleteState(key: string): Promise<void>;
    getStateByRange(start: string, end: string): AsyncIterable<{ readonly key: string; readonly value: Buffer }>;
  }

  export interface Response {
    readonly status: number;
    readonly message: string;
    readonly payload: Uint8Array;
  }

  export interface Chaincode {
    Init(stub: Stub): Promise<Response>;
    Invoke(stub: Stub): Promise<Response>;
  }

  export interface Options {
    readonly ccid: string;
    readonly address: string;
    readonly tlsProps: { readonly key: Buffer; readonly cert: Buffer; readonly clientCACerts: Buffer };
    readonly [grpcOption: `grpc.${string}`]: number;
  }

  // biome-ignore lint/style/noDefaultExport: Node gives a CommonJS module's value as its default export.
  export default class ChaincodeServer {
    constructor(chaincode: Chaincode, options: Options);
    readonly _server: Server;
    start(): Promise<void>;
    connect(stream: Stream): void;
  }
}
