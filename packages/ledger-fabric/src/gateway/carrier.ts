import { peer } from '@hyperledger/fabric-protos';
import { LedgerError, type SubmitResult } from '@salus/ledger';
import type { Failure, FaultCode, Refusal } from '../wire.ts';
import { backOffMs, pause } from './back-off.ts';
import type { Endorser } from './endorsement.ts';
import type { AppliedView, FollowerView } from './follower-view.ts';
import type { GatewayFault } from './gateway-fault.ts';
import { Limit } from './limit.ts';
import { type OrderingParts, orderTransaction } from './ordering.ts';
import type { PendingCall } from './pending-call.ts';
import type { Slots } from './slots.ts';

/** Endorsements that one group of calls is tried for, whatever the reason. */
export const ATTEMPTS_MAX = 100;
/** A proposal whose time an endorser refuses gets a new time so often. */
export const TIME_OFF_ATTEMPTS_MAX = 3;
/** So often the own chaincode may fail to open private values before their calls are rejected. */
export const UNOPENED_ATTEMPTS_MAX = 3;
/** An endorser that does not agree is mostly a block behind; after so many times another is asked. */
const MISMATCHES_PER_TURN = 4;

const MAYBE_COMMITTED = 'the call may have been committed, and can be sent again as it is';

const { TxValidationCode } = peer;

export type CarrierParts = OrderingParts & {
  readonly endorser: Pick<Endorser, 'endorse' | 'forgetPolicy' | 'setAside'>;
  readonly follower: FollowerView;
  /** Endorsements at the same time. */
  readonly endorsing: Slots;
  /** Aborted when the gateway ends. */
  readonly stop: AbortSignal;
};

type Step =
  | { readonly kind: 'applied'; readonly applied: AppliedView; readonly others: readonly string[] }
  | { readonly kind: 'failed'; readonly fault: GatewayFault; readonly reason: string };

/** What a group of calls has behind it. */
type Trip = {
  attempts: number;
  conflicts: number;
  mismatches: number;
  /** Transactions that the peers found invalid for another reason than a conflict. */
  invalid: number;
  timesOff: number;
  unopened: number;
  /** What was met last, for whoever is told `unavailable`. */
  reason: string;
};

/**
 * Brings calls onto the channel: endorses them as one Fabric transaction, has it ordered, and waits until the own follower has
 * applied its block. Settles every call: with its outcome, or with `unavailable` once its time is up. Calls that must not be
 * endorsed leave the group and are answered; a group that met a conflict twice is halved, until what conflicts is alone.
 */
export async function carryCalls(parts: CarrierParts, calls: readonly PendingCall[]): Promise<void> {
  try {
    await carry(parts, calls, {
      attempts: 0,
      conflicts: 0,
      mismatches: 0,
      invalid: 0,
      timesOff: 0,
      unopened: 0,
      reason: 'no answer',
    });
  } catch (error) {
    // What is settled already stays as it is.
    for (const { reject } of calls) reject(asLedgerError(error));
  }
}

async function carry(parts: CarrierParts, calls: readonly PendingCall[], trip: Trip): Promise<void> {
  let open = calls;
  while (open.length > 0) {
    open = expire(open, trip);
    if (open.length === 0) return;
    const step = await attempt(parts, open, trip);
    trip.attempts += 1;
    const next = step.kind === 'applied' ? settleApplied(parts, open, step, trip) : afterFault(parts, open, step, trip);
    switch (next.kind) {
      case 'done':
        return;
      case 'rest':
        open = next.calls;
        break;
      case 'halves': {
        const middle = Math.ceil(open.length / 2);
        // One after the other: they may share tags.
        await carry(parts, open.slice(0, middle), { ...trip, attempts: 0 });
        await carry(parts, open.slice(middle), { ...trip, attempts: 0 });
        return;
      }
      case 'again':
        if (next.forgetPolicy === true) parts.endorser.forgetPolicy();
        await pause(backOffMs(trip.attempts), parts.stop);
        if (parts.stop.aborted) throw parts.stop.reason;
    }
  }
}

type Next =
  | { readonly kind: 'done' }
  | { readonly kind: 'rest'; readonly calls: readonly PendingCall[] }
  | { readonly kind: 'halves' }
  | { readonly kind: 'again'; readonly forgetPolicy?: boolean };

async function attempt(parts: CarrierParts, calls: readonly PendingCall[], trip: Trip): Promise<Step> {
  const turn = trip.invalid + Math.floor(trip.mismatches / MISMATCHES_PER_TURN);
  const result = await parts.endorsing.use(() => parts.endorser.endorse(calls, turn));
  if (result.kind === 'failed') return result;
  trip.reason = 'ordered, and in no block yet';
  const leftMs = Math.min(...calls.map((call) => call.deadlineMs)) - performance.now();
  using limit = new Limit(parts.stop, leftMs, () => lateText(trip));
  const applied = parts.follower.awaitTransaction(result.txId, limit.signal);
  const start = performance.now();
  const ordering = orderTransaction(parts, result.endorsed, {
    ended: limit.signal,
    onFailure: (reason) => {
      trip.reason = reason;
    },
  });
  // Ordering ends with the limit: the block says more than the orderers' answer. Only what they refuse for good comes first.
  const view = await Promise.race([applied, ordering.then(() => applied)]);
  parts.pace.note(performance.now() - start);
  return { kind: 'applied', applied: view, others: result.others };
}

function settleApplied(
  { endorser }: CarrierParts,
  calls: readonly PendingCall[],
  { applied, others }: Extract<Step, { kind: 'applied' }>,
  trip: Trip,
): Next {
  if (applied.alarm !== undefined) {
    const error = new LedgerError('distrusted', `block ${applied.block} holds the call in a transaction under alarm`);
    for (const { reject } of calls) reject(error);
    return { kind: 'done' };
  }
  switch (applied.code) {
    case TxValidationCode.VALID:
      calls.forEach(({ resolve, reject }, at) => {
        const outcome = applied.outcomes[at];
        if (outcome === undefined) reject(new LedgerError('execution-failed', 'a block has no outcome for a call'));
        else if (outcome.kind === 'distrusted') {
          reject(
            new LedgerError('distrusted', `block ${applied.block} holds the call, which rests on an alarm's keys`),
          );
        } else resolve(outcome);
      });
      return { kind: 'done' };
    case TxValidationCode.MVCC_READ_CONFLICT:
    case TxValidationCode.PHANTOM_READ_CONFLICT:
      trip.conflicts += 1;
      trip.reason = 'conflicts with other transactions';
      // Once by chance: whatever it met is committed now. Twice: somebody writes the same keys all the time.
      return trip.conflicts >= 2 && calls.length > 1 ? { kind: 'halves' } : { kind: 'again' };
    default:
      // Another policy, another version of the contracts, the same id twice: a new endorsement meets what holds now. Or one
      // endorser spoils what it is drawn for: another takes its place at once, for this call and those that come.
      trip.reason = `validation code ${applied.code}`;
      trip.invalid += 1;
      endorser.setAside(others);
      return { kind: 'again', forgetPolicy: true };
  }
}

function afterFault(
  parts: CarrierParts,
  calls: readonly PendingCall[],
  { fault, reason }: { readonly fault: GatewayFault; readonly reason: string },
  trip: Trip,
): Next {
  if (fault.kind !== 'answered') {
    trip.reason = reason;
    if (fault.kind === 'mismatch') trip.mismatches += 1;
    return { kind: 'again' };
  }
  const { failure } = fault;
  if (failure.kind === 'rejected') return answerRefusals(parts, calls, failure.refusals);
  return afterChaincodeFault(calls, failure, trip);
}

/** Answers those that the chaincode lists; the rest is sent again at once. */
function answerRefusals(parts: CarrierParts, calls: readonly PendingCall[], refusals: readonly Refusal[]): Next {
  const listed = new Set(refusals.map(({ index }) => index));
  for (const { index, outcome } of refusals) {
    const call = calls[index]!;
    switch (outcome.kind) {
      case 'refused':
        call.resolve({ ...outcome, callId: call.callId });
        break;
      case 'repeated':
        void answerRepeated(parts, call);
    }
  }
  return { kind: 'rest', calls: calls.filter((_, index) => !listed.has(index)) };
}

/** The own peer knows the call as committed; the own follower may be a block behind it. */
async function answerRepeated({ follower, stop }: CarrierParts, call: PendingCall): Promise<void> {
  const leftMs = call.deadlineMs - performance.now();
  using limit = new Limit(stop, leftMs, () => 'the call is committed, and its block was not verified here in time');
  const { signal } = limit;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const look = (): void => {
    try {
      const result: SubmitResult | undefined = follower.findResult(call.callId);
      if (result === undefined) return;
      call.resolve(result);
    } catch (error) {
      call.reject(asLedgerError(error));
    }
    resolve();
  };
  const forget = follower.onApplied(look);
  signal.addEventListener('abort', () => resolve(), { once: true });
  look();
  await over;
  forget();
  // Without effect where it was answered.
  if (signal.aborted) call.reject(asLedgerError(signal.reason));
}

function afterChaincodeFault(
  calls: readonly PendingCall[],
  { code, call }: Extract<Failure, { kind: 'fault' }>,
  trip: Trip,
): Next {
  trip.reason = `the own chaincode answers ${code}`;
  const blamed = call ?? (calls.length === 1 ? 0 : undefined);
  const error = errorOf(code);
  switch (code) {
    case 'time-off':
      trip.timesOff += 1;
      if (trip.timesOff < TIME_OFF_ATTEMPTS_MAX) return { kind: 'again' };
      for (const { reject } of calls) reject(error);
      return { kind: 'done' };
    case 'overloaded':
      return { kind: 'again' };
    case 'private-not-opened':
      if (blamed !== undefined) break;
      trip.unopened += 1;
      if (trip.unopened < UNOPENED_ATTEMPTS_MAX) return { kind: 'again' };
      // The chaincode has another key than this node knows: what is public need not wait for that.
      for (const { privateArgs, reject } of calls) if (privateArgs !== undefined) reject(error);
      return { kind: 'rest', calls: calls.filter(({ privateArgs }) => privateArgs === undefined) };
    case 'internal':
      // Without a call to blame it was the peer that did not answer.
      if (call === undefined) return { kind: 'again' };
      break;
    case 'too-large':
    case 'malformed':
    case 'foreign-submitter':
      if (blamed === undefined) return { kind: 'halves' };
  }
  calls[blamed!]!.reject(error);
  return { kind: 'rest', calls: calls.filter((_, index) => index !== blamed) };
}

function errorOf(code: FaultCode): LedgerError {
  switch (code) {
    case 'time-off':
      return new LedgerError('unavailable', 'the clocks of this node and its chaincode differ by more than 30 s');
    case 'foreign-submitter':
      return new LedgerError('bad-argument', 'private arguments are submitted by the organisation of their pid');
    case 'too-large':
    case 'malformed':
      return new LedgerError('bad-argument', 'the call does not fit into a Fabric transaction');
    case 'private-not-opened':
    case 'overloaded':
      return new LedgerError('unavailable', `the own chaincode answers ${code}`);
    case 'internal':
      return new LedgerError('execution-failed', 'a contract broke an invariant');
  }
}

/** Those whose time is not up; the others are told. */
function expire(calls: readonly PendingCall[], trip: Trip): readonly PendingCall[] {
  const now = performance.now();
  const isOver = ({ deadlineMs }: PendingCall): boolean => trip.attempts >= ATTEMPTS_MAX || deadlineMs <= now;
  for (const call of calls) if (isOver(call)) call.reject(new LedgerError('unavailable', lateText(trip)));
  return calls.filter((call) => !isOver(call));
}

/** A transaction that was ordered and not seen may still come into a block; a call counts once, however often it is sent. */
function lateText({ reason }: Trip): string {
  return `the channel was not reached in time (${reason}); ${MAYBE_COMMITTED}`;
}

function asLedgerError(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  return new LedgerError('unavailable', `the channel was not reached in time; ${MAYBE_COMMITTED}`, { cause: error });
}
