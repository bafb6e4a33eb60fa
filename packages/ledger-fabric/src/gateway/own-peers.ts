import { readFileSync } from 'node:fs';
import { Client, credentials, status } from '@grpc/grpc-js';
import { connect, type Gateway, GatewayError, hash, type Transaction } from '@hyperledger/fabric-gateway';
import type { FabricConnection, FabricPeer } from '../connection-file.ts';
import { FabricError } from '../fabric-error.ts';
import type { FabricIdentity } from './fabric-identity.ts';

/** Fabric's own bound of one message (comm.MaxRecvMsgSize). */
const MESSAGE_BYTES_MAX = 100 * 1024 * 1024;
/** How soon a lost connection is tried again: gRPC's own 1 s to 120 s would make a restarted peer wait. */
const RECONNECT_MS = 100;
const RECONNECT_MAX_MS = 1_000;
/** A silent connection is probed; peers allow one ping a minute unless told (peer.keepalive.minInterval). */
const KEEPALIVE_MS = 75_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;

/** A proposal goes to two chaincodes, which may be busy with a full batch. */
export const ENDORSE_TIMEOUT_MS = 10_000;
/** The peer tries one orderer after the other. */
export const ORDER_TIMEOUT_MS = 10_000;
export const EVALUATE_TIMEOUT_MS = 10_000;

/** An endorsed transaction, which remembers through which peer it came. */
export type Endorsed = { readonly transaction: Transaction; readonly peer: number };

/** A connection to one own peer; both parts are to be closed. */
export type OwnPeer = { readonly client: Client; readonly gateway: Gateway };

/** gRPC connections to the organisation's own peers. One is in use; where it cannot be reached, the next takes its place. */
export class OwnPeers implements Disposable {
  readonly #peers: readonly OwnPeer[];
  #current = 0;

  constructor(connection: FabricConnection, identity: FabricIdentity) {
    this.#peers = connection.peers.map((peer) => openPeer(peer, identity));
  }

  /** Has a proposal (`gateway.ProposedTransaction`) endorsed within `timeoutMs`. Rejects with the SDK's `GatewayError`. */
  endorse(proposal: Uint8Array, timeoutMs = ENDORSE_TIMEOUT_MS): Promise<Endorsed> {
    return this.#use(async (gateway, peer) => {
      const deadline = Date.now() + timeoutMs;
      return { transaction: await gateway.newProposal(proposal).endorse({ deadline }), peer };
    });
  }

  /** Hands an endorsed transaction to the orderers; sending it again is safe, its id counts once. */
  async order(endorsed: Endorsed): Promise<void> {
    await this.#use((gateway, peer) => {
      const deadline = Date.now() + ORDER_TIMEOUT_MS;
      const { transaction } = endorsed;
      const own = peer === endorsed.peer ? transaction : gateway.newTransaction(transaction.getBytes());
      return own.submit({ deadline });
    });
  }

  /** What the own peer's chaincode answers, without a transaction. */
  evaluate(proposal: Uint8Array): Promise<Uint8Array> {
    return this.#use((gateway) =>
      gateway.newProposal(proposal).evaluate({ deadline: Date.now() + EVALUATE_TIMEOUT_MS }),
    );
  }

  [Symbol.dispose](): void {
    for (const { client, gateway } of this.#peers) {
      gateway.close();
      client.close();
    }
  }

  async #use<T>(ask: (gateway: Gateway, peer: number) => Promise<T>): Promise<T> {
    const used = this.#current;
    try {
      return await ask(this.#peers[used]!.gateway, used);
    } catch (error) {
      const isLost = error instanceof GatewayError && error.code === status.UNAVAILABLE && error.details.length === 0;
      // Whoever noticed first moves on; the caller's own retry then meets the next peer.
      if (isLost && this.#current === used) this.#current = (used + 1) % this.#peers.length;
      throw error;
    }
  }
}

export function openPeer({ name, endpoint, tlsAuthorityFile }: FabricPeer, identity: FabricIdentity): OwnPeer {
  const client = new Client(endpoint, credentials.createSsl(readAuthority(name, tlsAuthorityFile)), {
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MS,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.keepalive_permit_without_calls': 1,
    // RFC 6066 allows no address as server name; on loopback the certificate's `localhost` is asked for.
    ...(endpoint.startsWith('127.') ? { 'grpc.ssl_target_name_override': 'localhost' } : {}),
  });
  const gateway = connect({
    client,
    identity: { mspId: identity.mspId, credentials: identity.certificate },
    // The message itself is signed: OpenSSL hashes it, and is thirty times as fast as the SDK's own signer.
    hash: hash.none,
    signer: async (message) => identity.sign(message),
  });
  return { client, gateway };
}

function readAuthority(name: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new FabricError('bad-configuration', `the TLS authority of peer ${name} cannot be read`, { cause });
  }
}
