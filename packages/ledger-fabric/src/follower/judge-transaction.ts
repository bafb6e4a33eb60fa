import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Outcome } from '@salus/contracts';
import { UNRECORDED_CODES } from '@salus/ledger';
import type { WriteText } from '@salus/ledger/store';
import type { EndorserTransaction } from '../block/transaction.ts';
import { FabricError } from '../fabric-error.ts';
import {
  type GatheredCall,
  type GatheredOutcome,
  IMPORT_FUNCTION,
  OK_STATUS,
  outcomesText,
  parseGathered,
  SUBMIT_FUNCTION,
} from '../wire.ts';
import type { AlarmCode } from './alarm.ts';
import type { BlockRecord } from './block-record.ts';
import { endsImport, isEndorsedByAll, judgeImport } from './judge-import.ts';
import type { ChannelRuntime } from './runtimes.ts';
import { Trial } from './trial.ts';
import { findWritesFault, type NamespaceFacts } from './writes.ts';

/** The event loop gets its turn after this many calls. */
const CALLS_PER_TURN = 32;
/** Organisations that endorse at least, where there are so many. */
const ENDORSERS_MIN = 2;

/** A call of a valid transaction as it ran again. */
export type JudgedCall = {
  readonly call: GatheredCall;
  readonly outcome: Outcome;
  /** Canonical texts of `outcome.writes`. */
  readonly written: readonly WriteText[];
  /** It read what is distrusted, so what it wrote is. */
  readonly tainted: boolean;
  /** A refusal that no block may hold: nobody vouched for the call's text, or it tells of what travelled beside it. */
  readonly unrecorded?: boolean;
  /** Its own time where that is not the transaction's: a call of a ledger that moved up. */
  readonly timestampMs?: number;
};

export type Judgement =
  /** It is as the rules have it. */
  | {
      readonly kind: 'justified';
      readonly calls: readonly JudgedCall[];
      /** What an import writes beside its calls. */
      readonly marks?: readonly WriteText[];
    }
  | {
      readonly kind: 'alarm';
      readonly code: AlarmCode;
      readonly detail: string;
      /** Keys that justified calls would have written beside those that were. */
      readonly keys: readonly string[];
    };

export type JudgeContext = {
  readonly network: string;
  /** The channel that is followed. */
  readonly channel: string;
  /** Verified endorsers of the transaction, and the organisations of the channel. */
  readonly endorsers: readonly string[];
  readonly members: readonly string[];
  /** Version of the agreed definition, and the contracts that it names; asked for when calls are to run. */
  readonly definition: string | undefined;
  readonly runtime: () => ChannelRuntime;
  /** The block so far. */
  readonly record: BlockRecord;
};

/**
 * Checks all that is public of a transaction that wrote to our namespace: who endorsed, which contracts ran, that each call is
 * signed and allowed, and that outcomes and writes are exactly those of the calls.
 */
export async function judgeTransaction(
  transaction: EndorserTransaction,
  facts: NamespaceFacts,
  context: JudgeContext,
): Promise<Judgement> {
  const { endorsers, members, definition } = context;
  const enough = Math.min(ENDORSERS_MIN, members.length);
  const isImport = functionOf(transaction) === IMPORT_FUNCTION;
  const isOurs = isImport || functionOf(transaction) === SUBMIT_FUNCTION;
  if (facts.isForeign || transaction.args.length !== 2 || !isOurs) {
    return alarm('foreign-write', 'something else than gathered calls wrote to the namespace');
  }
  const { timestampMs } = transaction;
  if (timestampMs === undefined) return alarm('argument', 'it has no time, without which no chaincode of ours runs');
  if (endorsers.length < enough) {
    return alarm('endorsement', `${endorsers.length} organisations endorsed, and ${enough} must`);
  }
  if (definition === undefined || transaction.chaincodeVersion !== definition) {
    return alarm('contracts', 'the endorsers ran other contracts than the channel has agreed on');
  }
  if (isImport) return judgeImport(transaction, facts, context);
  const calls = findCalls(transaction.args[1]!);
  if (calls === undefined) return alarm('argument', 'the argument is not one of gathered calls');
  return runAgain({ ...transaction, timestampMs }, facts, { ...context, calls });
}

function functionOf({ args: [name] }: EndorserTransaction): string {
  return Buffer.from(name ?? new Uint8Array()).toString('utf8');
}

type TimedTransaction = EndorserTransaction & { readonly timestampMs: number };

type Run = {
  readonly trial: Trial;
  readonly runtime: ChannelRuntime;
  readonly transaction: TimedTransaction;
  readonly context: JudgeContext;
};

async function runAgain(
  transaction: TimedTransaction,
  facts: NamespaceFacts,
  context: JudgeContext & { readonly calls: readonly GatheredCall[] },
): Promise<Judgement> {
  const { builder, distrust } = context.record;
  const trial = new Trial(builder, distrust);
  const run: Run = { trial, runtime: context.runtime(), transaction, context };
  const judged: JudgedCall[] = [];
  const fail = ({ code, detail }: CallFault): Judgement => {
    return { kind: 'alarm', code, detail, keys: [...trial.written.keys()] };
  };
  for (const [at, call] of context.calls.entries()) {
    if (at % CALLS_PER_TURN === CALLS_PER_TURN - 1) await nextTurn();
    const ran = await judgeCall(call, run);
    if ('code' in ran) return fail({ code: ran.code, detail: `call ${at}: ${ran.detail}` });
    judged.push(ran);
  }
  const { status, payload } = transaction.response;
  const isSame =
    status === OK_STATUS && outcomesText(judged.map(gatheredOutcome)) === Buffer.from(payload).toString('utf8');
  if (!isSame) return fail({ code: 'outcome', detail: 'the calls have other outcomes when they run again' });
  if (judged.some(endsImport) && !isEndorsedByAll(context)) {
    return fail({ code: 'import', detail: 'not every member has endorsed the end of the import' });
  }
  const unrecorded = judged.findIndex((call) => call.unrecorded);
  if (unrecorded >= 0)
    return fail({ code: 'refusal', detail: `call ${unrecorded}: its refusal belongs into no block` });
  const fault = findWritesFault(facts, trial.written);
  return fault === undefined ? { kind: 'justified', calls: judged } : fail({ code: 'writes', detail: fault });
}

type CallFault = { readonly code: AlarmCode; readonly detail: string };

/** Throws when the replica cannot be read. */
async function judgeCall(
  call: GatheredCall,
  { trial, runtime, transaction, context }: Run,
): Promise<JudgedCall | CallFault> {
  const { network, record, endorsers } = context;
  const { pure } = record;
  const { payload, signature } = call.call;
  const { timestampMs, creator } = transaction;
  trial.begin();
  pure.begin({ payload, callId: call.callId, signature });
  let keeper: string | undefined;
  let outcome: Outcome;
  try {
    keeper = await runtime.readPrivateOrganisation((key) => trial.get(key), payload);
    const host = trial.host(network, pure);
    outcome = await runtime.execute(host, { call: call.call, timestampMs, mode: 'public' });
  } catch {
    if (trial.failure !== undefined) throw trial.failure.cause;
    return { code: 'outcome', detail: 'it breaks its contract when it runs again' };
  }
  const isKept = keeper === undefined || (keeper === creator.mspId && endorsers.includes(keeper));
  const hasKeeper = keeper !== undefined || payload.privateHash === undefined || outcome.kind !== 'committed';
  if (!isKept || !hasKeeper) {
    return {
      code: 'private-endorsement',
      detail: 'the organisation that keeps the records must submit and endorse it',
    };
  }
  const written = outcome.kind === 'committed' ? trial.write(outcome.writes) : [];
  const unrecorded = outcome.kind === 'refused' && (UNRECORDED_CODES.has(outcome.code) || !pure.authenticated);
  return { call, outcome, written, tainted: trial.readsDistrusted, unrecorded };
}

function findCalls(argument: Uint8Array): readonly GatheredCall[] | undefined {
  try {
    return parseGathered(argument);
  } catch (error) {
    if (error instanceof FabricError) return undefined;
    throw error;
  }
}

function gatheredOutcome({ outcome }: JudgedCall): GatheredOutcome {
  switch (outcome.kind) {
    case 'committed':
      return { kind: 'committed', result: outcome.result, events: outcome.events };
    case 'repeated':
      return { kind: 'repeated' };
    case 'refused':
      return { kind: 'refused', code: outcome.code };
  }
}

function alarm(code: AlarmCode, detail: string): Judgement {
  return { kind: 'alarm', code, detail, keys: [] };
}
