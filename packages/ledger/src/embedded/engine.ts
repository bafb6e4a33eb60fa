import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Json, Outcome, PrivateArgs, SignedCall } from '@salus/contracts';
import type { Signer } from '@salus/crypto';
import {
  BLOCK_ALG,
  BLOCK_VERSION,
  type EmbeddedBlockHeader,
  nextCommitment,
  type SealedHeader,
  type StateRoot,
  sealHeader,
} from '../block.ts';
import { type Checkpoint, type CheckpointSigner, signCheckpoint, signedByAll } from '../checkpoint.ts';
import type { ContractRuntime } from '../contract-runtime.ts';
import type { LostRange, SubmitResult } from '../ledger.ts';
import { LedgerError } from '../ledger-error.ts';
import { createPure } from '../pure.ts';
import { UNRECORDED_CODES } from '../unrecorded.ts';
import { BlockBuilder } from './block-builder.ts';
import { CallQueue } from './call-queue.ts';
import type { CheckpointFile } from './checkpoint-file.ts';
import type { Maintenance } from './maintenance.ts';
import { type Pending, pendingCall } from './pending.ts';
import { placeOf } from './schema.ts';
import type { LedgerStore } from './store.ts';
import type { WorldState } from './world-state.ts';

/** The event loop gets its turn after this many calls, for requests and for the workers' next batches. */
const CALLS_PER_TURN = 32;
export type EngineParts = {
  readonly network: string;
  readonly store: LedgerStore;
  readonly state: WorldState;
  readonly runtime: ContractRuntime;
  readonly signer: Signer;
  readonly clock: () => number;
  readonly checkpointFile: CheckpointFile;
  readonly checkpointSigners: () => readonly CheckpointSigner[];
  readonly maintenance: Maintenance;
  readonly head: SealedHeader;
  readonly checkpoint: Checkpoint;
  readonly lost: LostRange | undefined;
  /** A block whose state root no header names yet. */
  readonly dueStateRoot: number | undefined;
  readonly stateRootInterval: number;
  readonly onBlock: () => void;
};

/**
 * The queue and the loop that turns it into blocks: signatures are verified ahead in workers, calls run one after the other on
 * the state left by those before, and one commit makes the block durable, then one append its checkpoint; only then are the
 * callers answered. While a block is stored, the next calls gather: the busier the ledger, the larger its blocks.
 */
export class Engine implements AsyncDisposable {
  readonly #parts: EngineParts;
  readonly #pure = createPure();
  readonly #queue: CallQueue;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #stopped = false;
  #head: SealedHeader;
  #checkpoint: Checkpoint;
  #lost: LostRange | undefined;
  /** Computed, and not yet named by a header. */
  readonly #stateRoots: StateRoot[] = [];

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#head = parts.head;
    this.#checkpoint = parts.checkpoint;
    this.#lost = parts.lost;
    const { runtime, state } = parts;
    const read = (key: string): Json | undefined => state.get(key);
    this.#queue = new CallQueue(runtime, read, () => this.#wake?.());
    if (parts.dueStateRoot !== undefined) this.#addStateRoot(parts.dueStateRoot);
  }

  get head(): SealedHeader {
    return this.#head;
  }

  /** Of the newest block, by whoever signs now. */
  async checkpoint(): Promise<Checkpoint> {
    const newest = this.#checkpoint;
    const signed = await signedByAll(newest, this.#parts.checkpointSigners());
    // A block may have come meanwhile.
    if (this.#checkpoint === newest) this.#checkpoint = signed;
    return signed;
  }

  get lost(): LostRange | undefined {
    return this.#lost;
  }

  submit(call: SignedCall, privateArgs: PrivateArgs | undefined): Promise<SubmitResult> {
    if (this.#stopped) return Promise.resolve({ kind: 'refused', callId: null, code: 'stopped' });
    if (this.#queue.isFull) return Promise.resolve({ kind: 'refused', callId: null, code: 'overloaded' });
    const { promise, resolve, reject } = Promise.withResolvers<SubmitResult>();
    this.#queue.push(pendingCall(call, privateArgs, { resolve, reject }));
    // The first calls wait for the end of this turn, so that those of the same turn share their block.
    this.#running ??= nextTurn().then(() => this.#run());
    return promise;
  }

  /** Finishes the block at hand, answers all others `stopped`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
    await this.#queue[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.length > 0 && !this.#stopped) {
        const batch = this.#queue.take();
        if (batch.length > 0) await this.#makeBlock(batch);
        else await this.#untilReady();
      }
    } finally {
      this.#running = undefined;
    }
    if (!this.#stopped) return;
    for (const pending of this.#queue.drain()) pending.resolve({ kind: 'refused', callId: null, code: 'stopped' });
  }

  async #untilReady(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  async #makeBlock(batch: readonly Pending[]): Promise<void> {
    const { clock, state } = this.#parts;
    const { number, timestampMs } = this.#head.header;
    const builder = new BlockBuilder(state, number + 1, Math.max(timestampMs, clock()));
    const settles: (() => void)[] = [];
    try {
      for (const pending of batch) {
        settles.push(await this.#execute(pending, builder));
        if (settles.length % CALLS_PER_TURN === 0) await nextTurn();
      }
      if (builder.bodies.length > 0) await this.#store(builder);
    } catch (cause) {
      this.#fail(cause, batch);
      return;
    }
    for (const settle of settles) settle();
    if (builder.bodies.length > 0) this.#afterBlock();
  }

  /** Runs one call; returns what to tell its caller once the block is durable. */
  async #execute(pending: Pending, builder: BlockBuilder): Promise<() => void> {
    const { network, runtime } = this.#parts;
    const { signed, privateArgs, verified } = pending;
    this.#pure.begin(signed === undefined ? undefined : { ...signed, verified });
    let outcome: Outcome;
    try {
      const host = builder.host(network, this.#pure);
      const { timestampMs } = builder;
      outcome = await runtime.execute(host, { call: pending.call, privateArgs, timestampMs, mode: 'full' });
      // Only what its signer vouched for enters a block: nobody can fill the ledger with calls of unknown keys.
      if (outcome.kind === 'refused' && this.#pure.authenticated && !UNRECORDED_CODES.has(outcome.code)) {
        const open = await runtime.execute(host, { call: pending.call, timestampMs, mode: 'public' });
        // A code that private arguments decided would tell of them: that the reader was revoked, say.
        if (open.kind === 'refused' && open.code === outcome.code) builder.refuse(signed!, outcome.code);
      }
    } catch (cause) {
      return () => pending.reject(new LedgerError('execution-failed', 'a contract broke an invariant', { cause }));
    }
    switch (outcome.kind) {
      case 'committed': {
        const index = builder.commit(signed!, outcome);
        const { callId, result } = outcome;
        const { number: block, timestampMs } = builder;
        return () => pending.resolve({ kind: 'committed', callId, block, index, timestampMs, result });
      }
      case 'repeated': {
        const { callId, result } = outcome;
        const place = placeOf(builder.version(`call/${callId}`)!.position);
        return () =>
          pending.resolve({ kind: 'committed', callId, ...place, timestampMs: this.#timeOf(place.block), result });
      }
      case 'refused':
        return () => pending.resolve(outcome);
    }
  }

  #timeOf(block: number): number {
    if (block === this.#head.header.number) return this.#head.header.timestampMs;
    return this.#parts.store.header(block)!.header.timestampMs;
  }

  async #store(builder: BlockBuilder): Promise<void> {
    const { network, runtime, signer, store, state, checkpointFile, checkpointSigners } = this.#parts;
    const { number, timestampMs, bodies } = builder;
    const { transactionsRoot, writesRoot } = builder.roots();
    const [stateRoot] = this.#stateRoots;
    const header: EmbeddedBlockHeader = {
      version: BLOCK_VERSION,
      alg: BLOCK_ALG,
      network,
      number,
      previousHash: this.#head.hash,
      timestampMs,
      count: bodies.length,
      transactionsRoot,
      writesRoot,
      stateCommitment: nextCommitment(this.#head.header.stateCommitment, writesRoot),
      contracts: runtime.inUse,
      ledgerKey: signer.publicKey,
      ...(stateRoot === undefined ? {} : { stateRoot }),
    };
    const sealed = await sealHeader(header, signer);
    const checkpoint = await signCheckpoint({ network, number, hash: sealed.hash }, checkpointSigners());
    const changes = builder.changes();
    store.commit(sealed, bodies, changes);
    this.#head = sealed;
    state.apply(changes);
    if (stateRoot !== undefined) this.#stateRoots.shift();
    const { rollbacks } = builder;
    if (this.#lost !== undefined && rollbacks.some((range) => isSame(range, this.#lost!))) this.#lost = undefined;
    const lost = this.#lost;
    try {
      // After the block, never before: a checkpoint ahead of the ledger would tell of a loss that did not happen.
      checkpointFile.append(lost === undefined ? { checkpoint } : { checkpoint, lost });
    } catch (cause) {
      throw new LedgerError('checkpoint-failed', 'the block is stored, but its checkpoint is not', { cause });
    }
    this.#checkpoint = checkpoint;
  }

  #afterBlock(): void {
    const { store, maintenance, onBlock } = this.#parts;
    const { number } = this.#head.header;
    maintenance.watchLog(
      () => store.logPages(),
      () => this.#copyLog(),
    );
    if (number % this.#parts.stateRootInterval === 0) this.#addStateRoot(number);
    onBlock();
  }

  #copyLog(): void {
    try {
      this.#parts.store.copyLog();
    } catch (cause) {
      this.#fail(cause, []);
    }
  }

  /** Computes a state root beside the ledger; the next block names it. */
  #addStateRoot(number: number): void {
    this.#parts.maintenance.stateRoot(number).then(
      (stateRoot) => {
        this.#stateRoots.push(stateRoot);
      },
      // The ledger was closed meanwhile: the root is computed when it is opened again.
      () => undefined,
    );
  }

  /** What is durable is unknown to the callers of this block; nothing more is accepted, a restart recovers. */
  #fail(cause: unknown, batch: readonly Pending[]): void {
    this.#stopped = true;
    const error =
      cause instanceof LedgerError
        ? cause
        : new LedgerError('storage-failed', 'a block could not be stored', { cause });
    for (const pending of batch) pending.reject(error);
  }
}

function isSame(left: LostRange, right: LostRange): boolean {
  return left.from === right.from && left.to === right.to && left.hash === right.hash;
}
