import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { NetworkError } from '../network-error.ts';

/** Where a peer or orderer answers its clients, and the TLS authorities (PEM, one or several) that vouch for it. */
export type NodeAddress = {
  /** host:port */
  readonly endpoint: string;
  readonly tlsAuthorities: string;
};

export type PeerAddress = NodeAddress;
export type OrdererAddress = NodeAddress;

/** Fabric's own bound of one message. */
export const MESSAGE_BYTES_MAX = 100 * 1024 * 1024;
/** One request to a peer; installing a package compiles nothing here, so nothing takes longer. */
export const REQUEST_TIMEOUT_MS = 30_000;

const RECONNECT_MS = 200;
const RECONNECT_MS_MAX = 1000;

/** A client of one node. The caller closes it. */
export function openClient(address: NodeAddress): Client {
  return new Client(address.endpoint, credentials.createSsl(Buffer.from(address.tlsAuthorities)), {
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MS,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
    // RFC 6066 allows no address as server name; on loopback the certificate's `localhost` is asked for.
    ...(address.endpoint.startsWith('127.') ? { 'grpc.ssl_target_name_override': 'localhost' } : {}),
  });
}

export async function withClient<T>(address: NodeAddress, use: (client: Client) => Promise<T>): Promise<T> {
  const client = openClient(address);
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** One unary call, bytes in and out. Throws `unavailable`, `timeout` or `refused`. */
export async function callUnary(
  client: Client,
  method: string,
  request: Uint8Array,
  timeoutMs: number = REQUEST_TIMEOUT_MS,
): Promise<Uint8Array> {
  const bytes = (value: Buffer): Buffer => value;
  const options = { deadline: Date.now() + timeoutMs };
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      method,
      bytes,
      bytes,
      Buffer.from(request),
      new Metadata(),
      options,
      (error: ServiceError | null, answer?: Buffer) => {
        if (error !== null) reject(asNetworkError(error, method));
        else resolve(answer ?? new Uint8Array());
      },
    );
  });
}

/** A gRPC status as this package's error; the node's own words are kept, for they say what it misses. */
export function asNetworkError(error: ServiceError, doing: string): NetworkError {
  const message = `${doing}: ${error.details}`;
  if (error.code === status.UNAVAILABLE) return new NetworkError('unavailable', message, { cause: error });
  if (error.code === status.DEADLINE_EXCEEDED) return new NetworkError('timeout', message, { cause: error });
  return new NetworkError('refused', message, { cause: error });
}
