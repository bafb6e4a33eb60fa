import { callKey, type Entry, type Json } from '@salus/contracts';
import { toBase64url } from '@salus/crypto';
import {
  type Block,
  type FabricBlockHeader,
  HISTORY_LIMIT_MAX,
  hashFabricHeader,
  LedgerError,
  type Place,
  RANGE_LIMIT_MAX,
  type SubmitResult,
  type TransactionView,
  type Version,
} from '@salus/ledger';
import {
  deepFreeze,
  placeOf,
  positionOf,
  type SealedRow,
  type StoredVersion,
  textLeaf,
  viewOf,
} from '@salus/ledger/store';
import { requireTrusted, requireTrustedRange } from './distrust.ts';
import type { Replica } from './replica.ts';

/**
 * The reads of the `Ledger` port on a replica. Whatever would rest on a distrusted key is refused with `distrusted`; blocks are
 * shown whole, their distrusted calls as what nobody can take for committed.
 */
export class ReplicaReader {
  readonly #replica: Replica;
  #lastRead: Block | undefined;

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  get(key: string): Json | undefined {
    requireTrusted(this.#replica.distrust, key);
    return this.#replica.state.get(key);
  }

  range(start: string, end: string, limit: number): readonly Entry[] {
    requireLimit(limit, RANGE_LIMIT_MAX);
    requireTrustedRange(this.#replica.distrust, start, end);
    return this.#replica.state.range(start, end, limit);
  }

  history(key: string, page: { readonly limit: number; readonly before?: Place }): readonly Version[] {
    requireLimit(page.limit, HISTORY_LIMIT_MAX);
    const { distrust, state, store } = this.#replica;
    requireTrusted(distrust, key);
    const before =
      page.before === undefined ? Number.MAX_SAFE_INTEGER : positionOf(page.before.block, page.before.index);
    const current = state.version(key);
    const versions: StoredVersion[] = current !== undefined && current.position < before ? [current] : [];
    if (current !== undefined) versions.push(...store.history(key, before, page.limit));
    return versions.slice(0, page.limit).map((version) => this.#describe(version));
  }

  block(number: number): Block | undefined {
    requireBlockNumber(number);
    const row = this.#replica.store.header(number);
    return row === undefined ? undefined : this.#readBlock(row);
  }

  transaction(callId: string): TransactionView | undefined {
    const { distrust, state, store } = this.#replica;
    const key = callKey(callId);
    requireTrusted(distrust, key);
    // `call/<id>` is also written for an inner request, which is no transaction of its own: then the ids differ.
    for (const position of [state.version(key)?.position, store.lastRefusal(callId)]) {
      if (position === undefined) continue;
      const view = this.#view(position);
      if (view.callId === callId) return view;
    }
    return undefined;
  }

  /** What a call committed, and where; undefined while the replica knows no such call. */
  result(callId: string): Extract<SubmitResult, { kind: 'committed' }> | undefined {
    const view = this.transaction(callId);
    if (view?.outcome.kind !== 'committed') return undefined;
    const { block, index, timestampMs, outcome } = view;
    return { kind: 'committed', callId, block, index, timestampMs, result: outcome.result };
  }

  /** The block read last stays at hand: followers mostly ask for the same one, the newest. */
  #readBlock({ header }: SealedRow<FabricBlockHeader>): Block {
    const { number } = header;
    const last = this.#lastRead;
    // A later block's alarm can name a call of this one.
    if (last?.header.number === number && !last.transactions.some((view) => this.#isDistrusted(view))) return last;
    const transactions = this.#replica.store
      .bodies(number)
      .map((body, index) => this.#show(body, { block: number, index }));
    this.#lastRead = deepFreeze({ header, hash: hashFabricHeader(header), signature: '', transactions });
    return this.#lastRead;
  }

  #describe(version: StoredVersion): Version {
    const { block, index, timestampMs, callId } = this.#origin(version.position);
    const value = version.text === null ? null : deepFreeze(JSON.parse(version.text) as Json);
    return { block, index, timestampMs, callId, value };
  }

  /** Where a version comes from; what an import wrote beside its calls is of no call. */
  #origin(position: number): Pick<Version, 'block' | 'index' | 'timestampMs' | 'callId'> {
    const { block, index } = placeOf(position);
    const header = this.#replica.store.header(block)?.header;
    if (header === undefined || index < header.count) return this.#view(position);
    return { block, index, timestampMs: header.timestampMs, callId: '' };
  }

  #view(position: number): TransactionView {
    const { block, index } = placeOf(position);
    const body = this.#replica.store.body(position);
    if (body === undefined) throw new LedgerError('not-a-ledger', `transaction ${block}/${index} is missing`);
    return this.#show(body, { block, index });
  }

  #show(body: string, { block, index }: Place): TransactionView {
    const view = viewOf(body, block, index);
    const { outcome } = view;
    if (outcome.kind !== 'committed' || !this.#isDistrusted(view)) return view;
    const keys = outcome.writes.map(([key]) => key);
    return deepFreeze({ ...view, outcome: { kind: 'distrusted', keys, leafHash: toBase64url(textLeaf(body)) } });
  }

  #isDistrusted({ callId, outcome }: TransactionView): boolean {
    return outcome.kind === 'committed' && this.#replica.distrust.has(callKey(callId));
  }
}

/** `bad-argument` */
export function requireBlockNumber(number: number): void {
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new LedgerError('bad-argument', 'a block number is an integer ≥ 0');
  }
}

function requireLimit(limit: number, max: number): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > max) {
    throw new LedgerError('bad-argument', `a limit is an integer from 1 to ${max}`);
  }
}
