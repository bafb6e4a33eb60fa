import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PrivateArgs, SignedCall } from '@salus/contracts';
import { LedgerError, type SubmitResult } from '@salus/ledger';
import type { FabricConnection } from '../connection-file.ts';
import { GATHERED_CALLS_MAX } from '../wire.ts';
import { CallGatherer } from './call-gatherer.ts';
import { type CarrierParts, carryCalls } from './carrier.ts';
import { Endorser } from './endorsement.ts';
import { readFabricIdentity } from './fabric-identity.ts';
import type { FollowerView } from './follower-view.ts';
import { OwnPeers } from './own-peers.ts';
import { Pace } from './pace.ts';
import { type PendingCall, prepareCall } from './pending-call.ts';
import { Slots } from './slots.ts';

/** After so long a call is answered `unavailable`: a killed peer, leader or machine is back in less. */
export const CALL_LIMIT_MS = 60_000;
/** Fabric transactions on their way at the same time. */
const TRANSACTIONS_MAX = 8;
/** Of these, so many are being endorsed: while both chaincodes are busy, the next calls gather. */
const ENDORSING_MAX = 2;
/** How long an end waits for what is on its way. */
const STOP_MS = 5_000;

/** How calls are gathered. Only tests and benches give another than the default. */
export type Gathering = {
  /** Calls in one Fabric transaction, 1 to `GATHERED_CALLS_MAX`. */
  readonly callsMax: number;
  readonly transactionsMax: number;
  readonly endorsingMax: number;
};

export type GatewayOptions = {
  readonly connection: FabricConnection;
  readonly follower: FollowerView;
  /** The time of transactions: milliseconds since the epoch. */
  readonly clock: () => number;
  readonly gathering?: Gathering;
};

/** The way of signed calls onto the channel. */
export type Gateway = AsyncDisposable & {
  /** Rejects with `LedgerError`: `unavailable`, `distrusted`, `execution-failed`, `bad-argument`, `stopped`. */
  submit(call: SignedCall, privateArgs?: PrivateArgs): Promise<SubmitResult>;
};

/** Opens the connections to the own peers. `bad-configuration` (FabricError) for files that are absent or no keys. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  return new CallGateway(options);
}

/** Calls of the same moment, and those that come while others are endorsed, share a Fabric transaction. */
class CallGateway implements Gateway {
  readonly #peers: OwnPeers;
  readonly #parts: CarrierParts;
  readonly #gatherer: CallGatherer;
  readonly #transactionsMax: number;
  readonly #stop = new AbortController();
  readonly #carried = new Set<Promise<void>>();
  /** Submissions that are the same to the last byte share an answer. */
  readonly #same = new Map<string, Promise<SubmitResult>>();
  #stopped = false;
  #isWoken = false;

  constructor({ connection, follower, clock, gathering }: GatewayOptions) {
    const identity = readFabricIdentity(connection);
    const peers = new OwnPeers(connection, identity);
    this.#peers = peers;
    this.#transactionsMax = gathering?.transactionsMax ?? TRANSACTIONS_MAX;
    this.#gatherer = new CallGatherer(gathering?.callsMax ?? GATHERED_CALLS_MAX);
    this.#parts = {
      endorser: new Endorser({ connection, identity, peers, follower, clock }),
      peers,
      follower,
      endorsing: new Slots(gathering?.endorsingMax ?? ENDORSING_MAX, () => this.#wake()),
      pace: new Pace(),
      stop: this.#stop.signal,
    };
  }

  async submit(call: SignedCall, privateArgs?: PrivateArgs): Promise<SubmitResult> {
    if (this.#stopped) return { kind: 'refused', callId: null, code: 'stopped' };
    const { failure } = this.#parts.follower;
    if (failure !== undefined) throw failure;
    if (this.#gatherer.isFull) return { kind: 'refused', callId: null, code: 'overloaded' };
    const prepared = prepareCall(call, privateArgs);
    if ('kind' in prepared) return prepared;
    const known = this.#same.get(prepared.sameness);
    if (known !== undefined) return known;
    const { promise, resolve, reject } = Promise.withResolvers<SubmitResult>();
    const forget = (): void => void this.#same.delete(prepared.sameness);
    promise.then(forget, forget);
    this.#same.set(prepared.sameness, promise);
    this.#gatherer.push({ ...prepared, deadlineMs: performance.now() + CALL_LIMIT_MS, resolve, reject });
    this.#wake();
    return promise;
  }

  /** Answers those that wait `stopped`, and gives those on their way a moment. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const { resolve, callId } of this.#gatherer.drain()) resolve({ kind: 'refused', callId, code: 'stopped' });
    const late = setTimeout(() => this.#stop.abort(stopped()), STOP_MS);
    await Promise.allSettled(this.#carried);
    clearTimeout(late);
    this.#stop.abort(stopped());
    this.#peers[Symbol.dispose]();
  }

  /** The first calls wait for the end of this turn, so that those of the same turn share their transaction. */
  #wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    void nextTurn().then(() => {
      this.#isWoken = false;
      this.#send();
    });
  }

  #send(): void {
    const { endorsing } = this.#parts;
    while (this.#carried.size < this.#transactionsMax && endorsing.free > 0 && !this.#stopped) {
      const calls = this.#gatherer.take();
      if (calls.length === 0) return;
      // Takes a place among the endorsing at once.
      this.#carry(calls);
    }
  }

  #carry(calls: readonly PendingCall[]): void {
    const carried = carryCalls(this.#parts, calls).then(() => {
      this.#carried.delete(carried);
      this.#gatherer.release(calls);
      this.#wake();
    });
    this.#carried.add(carried);
  }
}

function stopped(): LedgerError {
  return new LedgerError('stopped', 'the ledger was closed while the call was on its way; it may have been committed');
}
