import { setTimeout as sleep } from 'node:timers/promises';
import type { Entry, Json } from '@salus/contracts';
import {
  type BackupResult,
  type Block,
  type Checkpoint,
  hashFabricHeader,
  LedgerError,
  type LostRange,
  type Place,
  type SubmitResult,
  type TransactionView,
  type Version,
} from '@salus/ledger';
import type { Maintenance } from '@salus/ledger/store';
import type { RawBlock } from '../block/raw-block.ts';
import type { Endorsement } from '../block/transaction.ts';
import type { Alarm } from './alarm.ts';
import type { AppliedTransaction } from './applied.ts';
import type { BlockSource } from './block-source.ts';
import { BlockWaiters } from './block-waiters.ts';
import type { Checkpoints } from './checkpoints.ts';
import { failureOf } from './failure.ts';
import { askUntilTold, Freshness } from './freshness.ts';
import { type ChannelState, judgeBlock } from './judge-block.ts';
import type { Replica, ReplicaChanges } from './replica.ts';
import { ReplicaReader, requireBlockNumber } from './replica-reader.ts';
import type { Runtimes } from './runtimes.ts';
import { TransactionWaiters } from './transaction-waiters.ts';

/** A lost peer is asked again after this time, then after twice as long each time up to the other. */
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;

export type FollowerParts = {
  readonly network: string;
  readonly chaincode: string;
  readonly replica: Replica;
  readonly source: BlockSource;
  readonly runtimes: Runtimes;
  readonly checkpoints: Checkpoints;
  readonly maintenance: Maintenance;
  readonly channel: ChannelState;
  readonly onAlarm: (alarm: Alarm) => void;
  /** Only for tests: `STALE_MAX_MS` unless told. */
  readonly staleMaxMs?: number | undefined;
};

type Listener = (block: Block, transactions: readonly AppliedTransaction[]) => void;

/**
 * Follows the blocks of the organisation's own peer, checks all that is public in them again and keeps what they give in a
 * replica. Reads are of the replica alone: what is read was verified here, and rests on nothing that should not be. Where the
 * follower may have missed something for longer than `STALE_MAX_MS`, they are `unavailable`.
 */
export class Follower implements AsyncDisposable {
  readonly network: string;
  readonly #parts: FollowerParts;
  readonly #reader: ReplicaReader;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<Listener>();
  readonly #waiters = new TransactionWaiters();
  readonly #blockWaiters = new BlockWaiters();
  readonly #running: Promise<void>;
  readonly #freshness: Freshness;
  #channel: ChannelState;
  #height: number;
  #failure: LedgerError | undefined;

  constructor(parts: FollowerParts) {
    this.network = parts.network;
    this.#parts = parts;
    this.#reader = new ReplicaReader(parts.replica);
    this.#freshness = new Freshness(parts.staleMaxMs);
    this.#channel = parts.channel;
    this.#height = parts.replica.head().header.number;
    this.#running = this.#run();
  }

  /** Why nothing is applied and read any more: `contracts-unknown`, `storage-failed`, `checkpoint-failed` or `stopped`. */
  get failure(): LedgerError | undefined {
    return this.#failure;
  }

  /** The newest applied block. */
  get height(): number {
    return this.#height;
  }

  get rollbackNeeded(): LostRange | undefined {
    return this.#parts.checkpoints.lost;
  }

  get checkpoint(): Checkpoint {
    return this.#parts.checkpoints.newest;
  }

  signedCheckpoint(): Promise<Checkpoint> {
    return this.#parts.checkpoints.signed();
  }

  /** MSP ids of the channel's members as of the newest applied block, sorted. */
  get organisations(): readonly string[] {
    return this.#channel.members?.organisations ?? [];
  }

  /** MSP ids of the channel's members whose endorsement verifies, sorted; undefined while the members are not known. */
  findEndorsers(endorsements: readonly Endorsement[], signedPayload: Uint8Array): readonly string[] | undefined {
    return this.#channel.members?.endorsersOf(endorsements, signedPayload);
  }

  /** What should not be, oldest first; the newest `ALARMS_SHOWN_MAX`. */
  get alarms(): readonly Alarm[] {
    return this.#parts.replica.alarms;
  }

  /** Throws `distrusted`, `unavailable`, or the follower's failure. */
  peek(key: string): Json | undefined {
    this.#requireReadable();
    return this.#reader.get(key);
  }

  range(start: string, end: string, limit: number): readonly Entry[] {
    this.#requireReadable();
    return this.#reader.range(start, end, limit);
  }

  history(key: string, page: { readonly limit: number; readonly before?: Place }): readonly Version[] {
    this.#requireReadable();
    return this.#reader.history(key, page);
  }

  block(number: number): Block | undefined {
    this.#requireOpen();
    return this.#reader.block(number);
  }

  transaction(callId: string): TransactionView | undefined {
    this.#requireReadable();
    return this.#reader.transaction(callId);
  }

  /** The committed result of a call, whoever submitted it. Throws `distrusted`. */
  findResult(callId: string): Extract<SubmitResult, { kind: 'committed' }> | undefined {
    this.#requireReadable();
    return this.#reader.result(callId);
  }

  /**
   * What became of a Fabric transaction, once its block is applied. To be called before the transaction goes to the orderers.
   * Rejects with the signal's reason, or with `failure`.
   */
  awaitTransaction(txId: string, signal: AbortSignal): Promise<AppliedTransaction> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return this.#waiters.wait(txId, signal);
  }

  /** Called with each block after it was applied, in order; a listener must not throw. Returns how to end it. */
  onApplied(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async *follow(fromBlock: number, signal: AbortSignal): AsyncGenerator<Block, void, undefined> {
    requireBlockNumber(fromBlock);
    let next = fromBlock;
    while (!signal.aborted && !this.#stop.signal.aborted) {
      if (next > this.#height) {
        await this.#blockWaiters.next(signal);
        continue;
      }
      yield this.#reader.block(next)!;
      next += 1;
    }
  }

  /** Resolves when a block of this number is applied; rejects with the signal's reason, or with `failure`. */
  async reach(number: number, signal: AbortSignal): Promise<void> {
    while (this.#height < number) {
      if (this.#failure !== undefined) throw this.#failure;
      signal.throwIfAborted();
      await this.#blockWaiters.next(signal);
    }
  }

  /** A consistent copy of the replica while it goes on, durable when this resolves. An existing file is replaced. */
  backup(toFile: string): Promise<BackupResult> {
    this.#requireOpen();
    return this.#parts.maintenance.backup(toFile);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    await this.#running;
    this.#fail(new LedgerError('stopped', 'the ledger is closed'));
    const { source, maintenance, checkpoints, replica } = this.#parts;
    source[Symbol.dispose]();
    await maintenance[Symbol.asyncDispose]();
    checkpoints[Symbol.dispose]();
    replica[Symbol.dispose]();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let waitMs = RETRY_MIN_MS;
    while (!signal.aborted && this.#failure === undefined) {
      const before = this.#height;
      const ended = new AbortController();
      if (this.#freshness.isLost) this.#askHeight(AbortSignal.any([signal, ended.signal]));
      await this.#followPeer(signal);
      ended.abort();
      waitMs = this.#height > before ? RETRY_MIN_MS : Math.min(2 * waitMs, RETRY_MAX_MS);
      // Nothing to tell: whoever needs a block waits with a time limit of their own.
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Until the peer is lost, gives what is no block, or the follower stops. */
  async #followPeer(signal: AbortSignal): Promise<void> {
    try {
      for await (const raw of this.#parts.source.blocks(this.#height + 1, signal)) {
        const isApplied = await this.#apply(raw);
        if (!isApplied) {
          this.#freshness.fault();
          this.#parts.source.leave();
        }
        if (!isApplied || signal.aborted) return;
      }
    } catch (error) {
      if (error instanceof LedgerError && error.code === 'unavailable') {
        this.#freshness.lost();
        return;
      }
      this.#fail(failureOf(error));
    }
  }

  /** A new stream that stays silent does not tell whether the peer has something newer: its height does. */
  #askHeight(signal: AbortSignal): void {
    const told = (newest: number): void => this.#freshness.told(newest, this.#height);
    askUntilTold(this.#parts.source, signal, told).catch((error: unknown) => this.#fail(failureOf(error)));
  }

  /** False for what is no block of this channel. */
  async #apply(raw: RawBlock): Promise<boolean> {
    const { network, chaincode, runtimes, replica, onAlarm } = this.#parts;
    const verdict = await judgeBlock(raw, { network, chaincode, runtimes, replica, channel: this.#channel });
    if (verdict.kind === 'fault') {
      if (replica.noteAlarm(verdict.alarm)) onAlarm(verdict.alarm);
      return false;
    }
    const { changes, applied, channel } = verdict;
    replica.commit(changes);
    this.#channel = channel;
    await this.#checkpoint(changes);
    this.#height = raw.number;
    this.#freshness.applied(raw.number);
    this.#watchLog();
    for (const alarm of changes.alarms) onAlarm(alarm);
    this.#tell(applied);
    return true;
  }

  async #checkpoint({ header, builder }: ReplicaChanges): Promise<void> {
    const { number, network } = header.header;
    await this.#parts.checkpoints.append({ network, number, hash: hashFabricHeader(header.header) }, builder.rollbacks);
  }

  #tell(applied: readonly AppliedTransaction[]): void {
    if (this.#listeners.size > 0) {
      const block = this.#reader.block(this.#height)!;
      for (const listener of [...this.#listeners]) listener(block, applied);
    }
    this.#waiters.tell(applied);
    this.#blockWaiters.wake();
  }

  #watchLog(): void {
    const { maintenance, replica } = this.#parts;
    maintenance.watchLog(
      () => replica.store.logPages(),
      () => replica.store.copyLog(),
    );
  }

  #fail(failure: LedgerError): void {
    this.#failure ??= failure;
    this.#waiters.rejectAll(this.#failure);
    this.#blockWaiters.wake();
  }

  #requireOpen(): void {
    if (this.#stop.signal.aborted) throw new LedgerError('stopped', 'the ledger is closed');
  }

  #requireReadable(): void {
    this.#requireOpen();
    if (this.#failure !== undefined) throw this.#failure;
    this.#freshness.require();
  }
}
