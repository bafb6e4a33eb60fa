import type { Network } from '@hyperledger/fabric-gateway';
import { common } from '@hyperledger/fabric-protos';
import { LedgerError } from '@salus/ledger';
import { type RawBlock, rawBlockOf } from '../block/raw-block.ts';
import type { FabricConnection } from '../connection-file.ts';
import { readFabricIdentity } from '../gateway/fabric-identity.ts';
import { type OwnPeer, openPeer } from '../gateway/own-peers.ts';

/** How long a peer may take to tell its height. */
const HEIGHT_TIMEOUT_MS = 5_000;

/** Where a follower's blocks come from: the organisation's own peers. */
export interface BlockSource extends Disposable {
  /**
   * Blocks from a number on, each as soon as the peer has committed it, until `signal` is aborted. Throws `unavailable` when the
   * peer is lost or ends the stream; the next call asks the next peer.
   */
  blocks(fromBlock: number, signal: AbortSignal): AsyncIterable<RawBlock>;
  /** What the peer gave was no block of the channel: the next call asks the next peer. */
  leave(): void;
  /** The number of the peer's newest block. Throws `unavailable`; the next call asks the next peer. */
  newest(): Promise<number>;
}

export function openPeerBlocks(connection: FabricConnection): BlockSource {
  const identity = readFabricIdentity(connection);
  return new PeerBlocks(
    connection,
    connection.peers.map((peer) => openPeer(peer, identity)),
  );
}

class PeerBlocks implements BlockSource {
  readonly #connection: FabricConnection;
  readonly #peers: readonly OwnPeer[];
  #current = 0;

  constructor(connection: FabricConnection, peers: readonly OwnPeer[]) {
    this.#connection = connection;
    this.#peers = peers;
  }

  async *blocks(fromBlock: number, signal: AbortSignal): AsyncGenerator<RawBlock, void, undefined> {
    if (signal.aborted) return;
    const used = this.#current;
    try {
      const events = await this.#network(used).getBlockEvents({ startBlock: BigInt(fromBlock) });
      const close = (): void => events.close();
      signal.addEventListener('abort', close, { once: true });
      try {
        for await (const block of events) yield rawBlockOf(block);
      } finally {
        signal.removeEventListener('abort', close);
        events.close();
      }
    } catch (cause) {
      if (signal.aborted) return;
      this.#next(used);
      throw unavailable('the peer’s stream of blocks was lost', cause);
    }
    if (signal.aborted) return;
    this.#next(used);
    throw unavailable('the peer ended its stream of blocks');
  }

  leave(): void {
    this.#next(this.#current);
  }

  async newest(): Promise<number> {
    const used = this.#current;
    const { channel, organisation } = this.#connection;
    try {
      const proposal = this.#network(used)
        .getContract('qscc')
        .newProposal('GetChainInfo', {
          arguments: [channel],
          endorsingOrganizations: [organisation],
        });
      const answer = await proposal.evaluate({ deadline: Date.now() + HEIGHT_TIMEOUT_MS });
      return common.BlockchainInfo.deserializeBinary(answer).getHeight() - 1;
    } catch (cause) {
      this.#next(used);
      throw unavailable('the peer does not tell its height', cause);
    }
  }

  [Symbol.dispose](): void {
    for (const { client, gateway } of this.#peers) {
      gateway.close();
      client.close();
    }
  }

  #network(peer: number): Network {
    return this.#peers[peer]!.gateway.getNetwork(this.#connection.channel);
  }

  #next(used: number): void {
    if (this.#current === used) this.#current = (used + 1) % this.#peers.length;
  }
}

function unavailable(message: string, cause?: unknown): LedgerError {
  const said = cause instanceof Error ? `: ${describe(cause)}` : '';
  return new LedgerError('unavailable', `${message}${said}`, { cause });
}

/** What the peer said; a stream that it refuses ends with a status alone, of which 403 means: it takes this identity for no member. */
function describe(cause: Error): string {
  const [, status] = /^Unexpected status response: (\d+)$/.exec(cause.message) ?? [];
  const [name] = Object.entries(common.Status).find(([, value]) => String(value) === status) ?? [];
  return name ?? cause.message;
}
