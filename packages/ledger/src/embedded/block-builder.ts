import type { ContractCode, Entry, Host, Json, Outcome, Pure, Write } from '@salus/contracts';
import { canonical } from '@salus/crypto';
import {
  BLOCK_TRANSACTIONS_MAX,
  bodyText,
  committedText,
  NO_WRITES,
  refusedText,
  rootOf,
  textLeaf,
  writesText,
} from '../block.ts';
import type { LostRange } from '../ledger.ts';
import { positionOf } from './schema.ts';
import { CachedVersion } from './state-cache.ts';
import type { BlockChanges, StoredVersion } from './store.ts';
import type { WorldState } from './world-state.ts';

const ROLLBACK_PREFIX = 'access/rollback/';

/** The parts of a call that enter a body. */
export type RecordedCall = { readonly callId: string; readonly payloadText: string; readonly signature: string };

/** A block while its calls are executed one after the other: each sees the writes of those before it. */
export class BlockBuilder {
  readonly number: number;
  /** Time of the calls that are recorded next: the same for all on the embedded engine. */
  timestampMs: number;
  readonly bodies: string[] = [];
  /** Lost ranges that a call in this block named. */
  readonly rollbacks: LostRange[] = [];
  readonly #state: WorldState;
  readonly #written = new Map<string, CachedVersion>();
  readonly #absent = new Set<string>();
  readonly #passed: (StoredVersion & { readonly key: string })[] = [];
  readonly #refusals: { readonly callId: string; readonly position: number }[] = [];
  readonly #bodyLeaves: Uint8Array[] = [];
  readonly #writeLeaves: Uint8Array[] = [];
  #bytes = 0;
  #beside = 0;

  constructor(state: WorldState, number: number, timestampMs: number) {
    this.#state = state;
    this.number = number;
    this.timestampMs = timestampMs;
  }

  /** Characters of all bodies so far. */
  get bytes(): number {
    return this.#bytes;
  }

  host(network: string, pure: Pure): Host {
    return {
      network,
      pure,
      get: (key) => this.version(key)?.value,
      range: (start, end, limit) => this.#range(start, end, limit),
    };
  }

  version(key: string): CachedVersion | undefined {
    const own = this.#written.get(key);
    if (own !== undefined) return own;
    const committed = this.#state.version(key);
    if (committed === undefined) this.#absent.add(key);
    return committed;
  }

  /** Records a committed call and returns its index in the block. `written`: `writeTexts(outcome.writes)`, where it is known. */
  commit(
    call: RecordedCall,
    outcome: Extract<Outcome, { kind: 'committed' }>,
    written: readonly WriteText[] = writeTexts(outcome.writes),
  ): number {
    const index = this.bodies.length;
    const position = positionOf(this.number, index);
    const texts = writesText(written);
    const events = outcome.events as unknown as Json;
    this.#append(call, committedText({ result: outcome.result, events, writesText: texts }), texts);
    for (const [key, text] of written) this.#write(key, { position, text });
    for (const write of outcome.writes) this.#noteRollback(write);
    return index;
  }

  refuse(call: RecordedCall, code: ContractCode): void {
    this.#refusals.push({ callId: call.callId, position: positionOf(this.number, this.bodies.length) });
    this.#append(call, refusedText(code), NO_WRITES);
  }

  /**
   * Writes of no call: what peers have committed and no call justifies, and how far an import is. The state follows, and no
   * transaction of the block tells of it. They count from the end of the block's places, each time at one of its own.
   */
  writeBeside(written: readonly WriteText[]): void {
    this.#beside += 1;
    const position = positionOf(this.number, BLOCK_TRANSACTIONS_MAX - this.#beside);
    for (const [key, text] of written) this.#write(key, { position, text });
    this.#writeLeaves.push(textLeaf(writesText(written)));
  }

  roots(): { readonly transactionsRoot: string; readonly writesRoot: string } {
    return { transactionsRoot: rootOf(this.#bodyLeaves), writesRoot: rootOf(this.#writeLeaves) };
  }

  changes(): BlockChanges {
    // Contracts read before they write, mostly: what a call found absent is known to be new.
    const current = [...this.#written].map(([key, { position, text }]) => {
      return { key, position, text, isNew: this.#absent.has(key) };
    });
    current.sort((left, right) => (left.key < right.key ? -1 : 1));
    return { current, passed: this.#passed, refusals: this.#refusals };
  }

  #append(call: RecordedCall, outcomeText: string, writes: string): void {
    const { payloadText, signature } = call;
    const body = bodyText({ payloadText, signature, outcomeText, timestampMs: this.timestampMs });
    this.bodies.push(body);
    this.#bytes += body.length;
    this.#bodyLeaves.push(textLeaf(body));
    this.#writeLeaves.push(textLeaf(writes));
  }

  #write(key: string, version: StoredVersion): void {
    const earlier = this.#written.get(key);
    if (earlier !== undefined) this.#passed.push({ key, position: earlier.position, text: earlier.text });
    this.#written.set(key, new CachedVersion(version));
  }

  #noteRollback([key, value]: Write): void {
    if (!key.startsWith(ROLLBACK_PREFIX)) return;
    const { from, to, hash } = value as unknown as LostRange;
    this.rollbacks.push({ from, to, hash });
  }

  #range(start: string, end: string, limit: number): readonly Entry[] {
    const own = [...this.#written].filter(([key]) => key >= start && key < end);
    const committed = this.#state.range(start, end, limit + own.length);
    return overlaid(
      committed,
      own.map(([key, version]) => [key, version.value]),
      limit,
    );
  }
}

/** Entries with newer values over them, undefined where deleted: each may hide one entry, so `limit` + their number are needed. */
export function overlaid(
  entries: readonly Entry[],
  newer: readonly (readonly [key: string, value: Json | undefined])[],
  limit: number,
): readonly Entry[] {
  if (newer.length === 0) return entries;
  const merged = new Map<string, Json | undefined>(entries.map(({ key, value }) => [key, value]));
  for (const [key, value] of newer) merged.set(key, value);
  return [...merged]
    .flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }]))
    .sort((left, right) => (left.key < right.key ? -1 : 1))
    .slice(0, limit);
}

/** A write with its value's canonical text; null deletes. */
export type WriteText = readonly [key: string, text: string | null];

export function writeTexts(writes: readonly Write[]): readonly WriteText[] {
  return writes.map(([key, value]) => [key, value === null ? null : canonical(value)]);
}
