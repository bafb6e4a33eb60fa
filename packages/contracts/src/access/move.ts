import type { CallPayload, Context } from '../context.ts';
import { ContractError, demand } from '../errors.ts';
import type { Json } from '../json.ts';

/**
 * access/move: where this ledger stands between two engines; absent in its normal life.
 *
 * - `moved`: the members have ended it; nothing but the taking over follows.
 * - `importing`: a channel is taking the ledger over and has not got to its end. Only the import writes it, never a contract.
 * - `migrated`: the channel has taken everything over and lives on.
 */
export type MoveFact =
  | { readonly status: 'importing' }
  | ({ readonly status: 'moved' } & Moved)
  | ({ readonly status: 'migrated' } & Moved & LedgerEnd & { readonly migratedMs: number });

/** `channel` is the name of the channel that takes the ledger over; no other one may. */
export type Moved = { readonly proposal: string; readonly channel: string; readonly movedMs: number };

/** The last block of the ledger that moved. */
export type LedgerEnd = { readonly number: number; readonly hash: string; readonly stateCommitment: string };

/**
 * access/import: how far a channel has taken a ledger over: its newest block of which something was taken, and how many of that
 * block's `count` transactions were. Only the import writes it, and `access.migrated` removes it: no call on the ledger that
 * moved can make it.
 */
export type ImportFact = LedgerEnd & {
  readonly timestampMs: number;
  readonly ledgerKey: string;
  readonly count: number;
  readonly taken: number;
};

export const MOVE_KEY = 'access/move';
export const IMPORT_KEY = 'access/import';

/** The one transaction that ends an import. */
const TAKE_OVER = { contract: 'access', transaction: 'migrated' } as const;

/**
 * Refuses every call with `ledger-moved` once the members have ended the ledger, until a channel has taken it over. On the ledger
 * that moved nothing lifts that: what would, `access.migrated`, needs the trace of an import, which no call leaves.
 */
export async function demandNotMoved(
  get: (key: string) => Json | undefined | Promise<Json | undefined>,
  { contract, transaction }: CallPayload,
): Promise<void> {
  const move = (await get(MOVE_KEY)) as MoveFact | undefined;
  if (move === undefined || move.status === 'migrated') return;
  const endsImport = contract === TAKE_OVER.contract && transaction === TAKE_OVER.transaction;
  if (endsImport && (await get(IMPORT_KEY)) !== undefined) return;
  throw new ContractError('ledger-moved');
}

/** The effect of a decided proposal: the last thing that this ledger does. */
export async function endLedger(context: Context, proposal: string, channel: string): Promise<void> {
  await demandNeverMoved(context);
  const fact: MoveFact = { status: 'moved', proposal, channel, movedMs: context.timestampMs };
  context.put(MOVE_KEY, fact);
  context.emit('access.moved', { proposal, channel });
}

/**
 * A ledger moves once, and only to a channel: one that took a ledger over, or was born on Fabric, stays where it is. Nothing could
 * take such a channel over, so that its members would end it for good.
 */
export async function demandNeverMoved(context: Context): Promise<void> {
  demand(!context.onChannel, 'already-migrated');
  demand((await context.get(MOVE_KEY)) === undefined, 'already-migrated');
}
