import type { Entry, Json, PrivateArgs, SignedCall } from '@salus/contracts';
import { type Block, deepFreeze, hashHeaderText, type SealedHeader, viewOf } from '../block.ts';
import type { Checkpoint } from '../checkpoint.ts';
import {
  HISTORY_LIMIT_MAX,
  type Ledger,
  type LostRange,
  type Place,
  RANGE_LIMIT_MAX,
  type SubmitResult,
  type TransactionView,
  type Version,
} from '../ledger.ts';
import { LedgerError } from '../ledger-error.ts';
import type { CheckpointFile } from './checkpoint-file.ts';
import { Engine, type EngineParts } from './engine.ts';
import type { Maintenance } from './maintenance.ts';
import type { BackupResult } from './maintenance-worker.ts';
import { placeOf, positionOf } from './schema.ts';
import type { LedgerStore, SealedRow, StoredVersion } from './store.ts';
import { WorldState } from './world-state.ts';

/** The ledger of one machine: one process, one file. Made by `createEmbeddedLedger` and `openEmbeddedLedger`. */
export class EmbeddedLedger implements Ledger {
  readonly network: string;
  readonly #store: LedgerStore;
  readonly #state: WorldState;
  readonly #engine: Engine;
  readonly #checkpointFile: CheckpointFile;
  readonly #maintenance: Maintenance;
  readonly #followers = new Set<() => void>();
  #closed = false;
  #lastRead: Block | undefined;

  constructor(parts: Omit<EngineParts, 'state' | 'onBlock'>) {
    this.network = parts.network;
    this.#store = parts.store;
    this.#state = new WorldState(parts.store);
    this.#checkpointFile = parts.checkpointFile;
    this.#maintenance = parts.maintenance;
    this.#engine = new Engine({ ...parts, state: this.#state, onBlock: () => this.#wakeFollowers() });
  }

  get rollbackNeeded(): LostRange | undefined {
    return this.#engine.lost;
  }

  submit(call: SignedCall, privateArgs?: PrivateArgs): Promise<SubmitResult> {
    return this.#engine.submit(call, privateArgs);
  }

  async get(key: string): Promise<Json | undefined> {
    this.#requireOpen();
    return this.#state.get(key);
  }

  async range(start: string, end: string, limit: number): Promise<readonly Entry[]> {
    this.#requireOpen();
    requireLimit(limit, RANGE_LIMIT_MAX);
    return this.#state.range(start, end, limit);
  }

  async history(key: string, page: { readonly limit: number; readonly before?: Place }): Promise<readonly Version[]> {
    this.#requireOpen();
    requireLimit(page.limit, HISTORY_LIMIT_MAX);
    const before =
      page.before === undefined ? Number.MAX_SAFE_INTEGER : positionOf(page.before.block, page.before.index);
    const current = this.#state.version(key);
    const versions: StoredVersion[] = current !== undefined && current.position < before ? [current] : [];
    if (current !== undefined) versions.push(...this.#store.history(key, before, page.limit));
    return versions.slice(0, page.limit).map((version) => this.#describe(version));
  }

  async height(): Promise<number> {
    return this.#engine.head.header.number;
  }

  async block(number: number): Promise<Block | undefined> {
    this.#requireOpen();
    if (!Number.isSafeInteger(number) || number < 0)
      throw new LedgerError('bad-argument', 'a block number is an integer ≥ 0');
    const row = this.#store.header(number);
    return row === undefined ? undefined : this.#readBlock(row);
  }

  async transaction(callId: string): Promise<TransactionView | undefined> {
    this.#requireOpen();
    // `call/<id>` is also written for an inner request, which is no transaction of its own: then the ids differ.
    const positions = [this.#state.version(`call/${callId}`)?.position, this.#store.lastRefusal(callId)];
    for (const position of positions) {
      if (position === undefined) continue;
      const view = this.#view(position);
      if (view.callId === callId) return view;
    }
    return undefined;
  }

  async *follow(fromBlock: number, signal: AbortSignal): AsyncGenerator<Block, void, undefined> {
    if (!Number.isSafeInteger(fromBlock) || fromBlock < 0) {
      throw new LedgerError('bad-argument', 'a block number is an integer ≥ 0');
    }
    let next = fromBlock;
    while (!signal.aborted && !this.#closed) {
      if (next > this.#engine.head.header.number) {
        await this.#nextBlock(signal);
        continue;
      }
      yield this.#readBlock(this.#store.header(next)!);
      next += 1;
    }
  }

  async checkpoint(): Promise<Checkpoint> {
    return this.#engine.checkpoint();
  }

  /** A consistent copy of the ledger while it runs, durable when this resolves. An existing file is replaced. */
  backup(toFile: string): Promise<BackupResult> {
    this.#requireOpen();
    return this.#maintenance.backup(toFile);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#engine[Symbol.asyncDispose]();
    await this.#maintenance[Symbol.asyncDispose]();
    this.#wakeFollowers();
    this.#checkpointFile[Symbol.dispose]();
    this.#store[Symbol.dispose]();
  }

  /** The block read last stays at hand: followers mostly ask for the same one, the newest. */
  #readBlock(row: SealedRow): Block {
    const { header, text, signature } = row;
    const { number } = header;
    if (this.#lastRead?.header.number === number) return this.#lastRead;
    const transactions = this.#store.bodies(number).map((body, index) => viewOf(body, number, index));
    this.#lastRead = deepFreeze({ header, hash: hashHeaderText(text), signature, transactions });
    return this.#lastRead;
  }

  #view(position: number): TransactionView {
    const { block, index } = placeOf(position);
    const body = this.#store.body(position);
    if (body === undefined)
      throw new LedgerError('not-a-ledger', `transaction ${block}/${index} is missing: run verify`);
    return viewOf(body, block, index);
  }

  #describe(version: StoredVersion): Version {
    const { block, index, timestampMs, callId } = this.#view(version.position);
    const value = version.text === null ? null : deepFreeze(JSON.parse(version.text) as Json);
    return { block, index, timestampMs, callId, value };
  }

  #nextBlock(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#followers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#followers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #wakeFollowers(): void {
    for (const wake of [...this.#followers]) wake();
  }

  #requireOpen(): void {
    if (this.#closed) throw new LedgerError('stopped', 'the ledger is closed');
  }
}

function requireLimit(limit: number, max: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > max) {
    throw new LedgerError('bad-argument', `a limit is an integer from 1 to ${max}`);
  }
}

/** The head of a store as the engine goes on from it. */
export function sealedHead(row: SealedRow): SealedHeader {
  return { ...row, hash: hashHeaderText(row.text) };
}
