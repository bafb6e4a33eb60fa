import type { ContractCode, Entry, Event, Json, PrivateArgs, SignedCall, Write } from '@salus/contracts';
import type { Block } from './block.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Entries that one `range` gives at most. */
export const RANGE_LIMIT_MAX = 10_000;
/** Versions that one `history` gives at most. */
export const HISTORY_LIMIT_MAX = 1_000;

/** Refusals of the port itself, beside those of the contracts. `overloaded`: send again later; nothing was done. */
export type PortCode = 'overloaded' | 'stopped';

export type SubmitResult =
  | {
      readonly kind: 'committed';
      readonly callId: string;
      readonly block: number;
      readonly index: number;
      readonly timestampMs: number;
      readonly result: Json;
    }
  | {
      readonly kind: 'refused';
      /** null for what is no well-formed call. */
      readonly callId: string | null;
      readonly code: ContractCode | PortCode;
      readonly detail?: string;
    };

/** Where a transaction stands: its block and its place in it, from 0. */
export type Place = { readonly block: number; readonly index: number };

/** A value that a key had, from this transaction on; null: it was deleted. */
export type Version = Place & {
  readonly timestampMs: number;
  readonly callId: string;
  readonly value: Json | null;
};

/** What a block says became of a call. */
export type RecordedOutcome =
  | {
      readonly kind: 'committed';
      readonly result: Json;
      readonly writes: readonly Write[];
      readonly events: readonly Event[];
    }
  | { readonly kind: 'refused'; readonly code: ContractCode };

export type TransactionOutcome =
  | RecordedOutcome
  /**
   * Committed, and resting on what should not be: nothing may follow from it. So its values are not shown, only which keys it
   * wrote, and its leaf (base64url) in the tree of its block, so that its neighbours can still be proven. The embedded engine
   * never gives it.
   */
  | { readonly kind: 'distrusted'; readonly keys: readonly string[]; readonly leafHash: string };

export type TransactionView = Place & {
  readonly callId: string;
  readonly timestampMs: number;
  readonly call: SignedCall;
  readonly outcome: TransactionOutcome;
};

/** What restoring an older backup lost: blocks `from` to `to`, of which the last had `hash`. */
export type LostRange = { readonly from: number; readonly to: number; readonly hash: string };

/**
 * The consortium's ledger on any engine: signed calls in, blocks and world state out. Values that it returns are frozen.
 *
 * `submit` resolves when the call is durable. The same call again gives the first result. A refused call had no effect and
 * may be sent again. Reads see committed blocks only.
 */
export interface Ledger extends AsyncDisposable {
  readonly network: string;
  /** Private arguments are checked against the call's hash, used by the contract and kept nowhere. */
  submit(call: SignedCall, privateArgs?: PrivateArgs): Promise<SubmitResult>;
  get(key: string): Promise<Json | undefined>;
  /** Entries of [start, end) in ascending byte order, at most `limit` ≤ `RANGE_LIMIT_MAX`. */
  range(start: string, end: string, limit: number): Promise<readonly Entry[]>;
  /** Versions of a key, newest first, at most `limit` ≤ `HISTORY_LIMIT_MAX`; `before` leaves out that place and later ones. */
  history(key: string, page: { readonly limit: number; readonly before?: Place }): Promise<readonly Version[]>;
  /** The number of the newest block; the founding block without transactions has number 0. */
  height(): Promise<number>;
  block(number: number): Promise<Block | undefined>;
  /** The committed transaction of this id, else its latest refusal that stands in a block, else undefined. */
  transaction(callId: string): Promise<TransactionView | undefined>;
  /** Blocks from `fromBlock` on, without gaps, then each new one, until `signal` aborts. Holds one block at a time. */
  follow(fromBlock: number, signal: AbortSignal): AsyncIterable<Block>;
  /** The newest checkpoint. */
  checkpoint(): Promise<Checkpoint>;
  /** Set while a checkpoint is known that this ledger does not reach, until `access.rollback` names the lost range. */
  readonly rollbackNeeded: LostRange | undefined;
}
