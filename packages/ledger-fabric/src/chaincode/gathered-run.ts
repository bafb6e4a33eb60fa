import type { Entry, Execution, Host, Json, Outcome, PrivateArgs } from '@salus/contracts';
import { canonical } from '@salus/crypto';
import { createPure } from '@salus/ledger/pure';
import { UNRECORDED_CODES } from '@salus/ledger/unrecorded';
import { FabricError } from '../fabric-error.ts';
import type { FaultCode, GatheredCall, GatheredOutcome, Refusal } from '../wire.ts';
import { BatchState, type StateReader } from './batch-state.ts';
import { rememberingPure, type VerifiedSignatures } from './verified-signatures.ts';

/** Keys that the calls of one transaction write at most. */
export const GATHERED_WRITES_MAX = 20_000;

/** What endorsers and followers run: the contracts of one bundle. */
export type GatheredRuntime = {
  execute(host: Host, execution: Execution): Promise<Outcome>;
  /** The organisation that must submit a call with private arguments: `readPrivateOrganisation` of `@salus/contracts`. */
  readPrivateOrganisation(
    get: (key: string) => Json | undefined | Promise<Json | undefined>,
    payload: unknown,
  ): Promise<string | undefined>;
};

export type Gathered = {
  readonly runtime: GatheredRuntime;
  readonly network: string;
  readonly calls: readonly GatheredCall[];
  /** The time of the transaction. */
  readonly timestampMs: number;
  /** MSP id of the organisation that submits. */
  readonly creator: string;
  readonly state: StateReader;
  /** Signatures that were verified before. */
  readonly verified?: VerifiedSignatures;
  /** By call id; present only where the submitting organisation itself endorses, which then checks everything. */
  readonly privateArgs?: ReadonlyMap<string, PrivateArgs>;
};

/** What a transaction does when it is endorsed: `runs` tell each call's own result and writes, `writes` the union. */
export type Endorsable = {
  readonly kind: 'endorsable';
  readonly outcomes: readonly GatheredOutcome[];
  readonly runs: readonly Outcome[];
  readonly writes: readonly (readonly [key: string, text: string | null])[];
};

export type GatheredResult =
  | Endorsable
  /** Calls must leave first, in order of their index: those that may not stand in a block, or all when nothing commits. */
  | { readonly kind: 'rejected'; readonly refusals: readonly Refusal[] }
  /** One call is to blame; `cause` is the invariant that it broke. */
  | { readonly kind: 'fault'; readonly code: FaultCode; readonly call: number; readonly cause?: unknown };

/**
 * Runs the calls of one transaction in order, each on the state that those before it leave: without private arguments always,
 * as every endorser and every follower does, and with them too where `privateArgs` are. The second run reads nothing that the
 * first did not, so that the read sets of all endorsers are equal; its refusal takes the call out of the transaction, so that
 * no block tells of it. Rejects when the state cannot be read.
 */
export async function runGathered(gathered: Gathered): Promise<GatheredResult> {
  const state = new BatchState(gathered.state);
  const runs: Outcome[] = [];
  const leaving: Refusal[] = [];
  for (const index of gathered.calls.keys()) {
    const ran = await runInTurn(gathered, state, index);
    if ('code' in ran) return { kind: 'fault', call: index, ...ran };
    const { run, leaves } = ran;
    if (run.kind === 'committed') state.apply(run.writes);
    if (state.size > GATHERED_WRITES_MAX) return { kind: 'fault', code: 'too-large', call: index };
    runs.push(run);
    if (leaves) leaving.push({ index, outcome: outcomeOf(run) as Refusal['outcome'] });
  }
  if (leaving.length > 0) return { kind: 'rejected', refusals: leaving };
  const outcomes = runs.map(outcomeOf);
  if (!runs.some(({ kind }) => kind === 'committed')) {
    const refusals = outcomes.map((outcome, index) => ({ index, outcome: outcome as Refusal['outcome'] }));
    return { kind: 'rejected', refusals };
  }
  const writes = state.writes().map(([key, value]) => [key, value === null ? null : canonical(value)] as const);
  return { kind: 'endorsable', outcomes, runs, writes };
}

type CallRun = {
  /** What is told of the call: where private arguments refuse it, that refusal. */
  readonly run: Outcome;
  /** It may not stand in a block. */
  readonly leaves: boolean;
};

type CallFault = { readonly code: FaultCode; readonly cause?: unknown };

async function runInTurn(gathered: Gathered, state: BatchState, index: number): Promise<CallRun | CallFault> {
  const { runtime, creator } = gathered;
  const { payload } = gathered.calls[index]!.call;
  try {
    // Only a call with private arguments has an organisation here; any node may submit all others.
    const organisation = await runtime.readPrivateOrganisation((key) => state.get(key), payload);
    if (organisation !== undefined && organisation !== creator) return { code: 'foreign-submitter' };
    const ran = await runOne(gathered, state, index);
    if (ran.run.kind === 'committed' && payload.privateHash !== undefined && organisation === undefined)
      throw new Error('a call with private arguments of no organisation must not commit');
    return ran;
  } catch (cause) {
    // What the peer does not answer is no call's fault.
    if (cause instanceof FabricError) throw cause;
    return { code: 'internal', cause };
  }
}

async function runOne(gathered: Gathered, state: BatchState, index: number): Promise<CallRun> {
  const { network, runtime, timestampMs, verified, privateArgs } = gathered;
  const { call, callId } = gathered.calls[index]!;
  const calls = createPure();
  calls.begin({ payload: call.payload, callId, signature: call.signature, verified: verified?.calls.get(callId) });
  const pure = verified === undefined ? calls : rememberingPure(calls, verified);
  const reads = new RecordedReads(state);
  const here = { network, pure, onChannel: true } as const;
  const open = await runtime.execute({ ...here, ...reads.recording() }, { call, timestampMs, mode: 'public' });
  // Only what its signer vouched for enters a block: nobody can fill the ledger with calls of unknown keys.
  const leaves = open.kind === 'refused' && !(calls.authenticated && !UNRECORDED_CODES.has(open.code));
  const values = privateArgs?.get(callId);
  if (privateArgs === undefined || (call.payload.privateHash === undefined && values === undefined))
    return { run: open, leaves };
  const full = await runtime.execute(
    { ...here, ...reads.replaying() },
    { call, privateArgs: values, timestampMs, mode: 'full' },
  );
  return compare(open, full, leaves);
}

/** The run without private arguments may only check less: anything else is a fault of the contract. */
function compare(open: Outcome, full: Outcome, leaves: boolean): CallRun {
  if (full.kind === 'refused') {
    // A code that private arguments decided would tell of them: that the reader was revoked, say.
    const decided = open.kind !== 'refused' || open.code !== full.code;
    return { run: full, leaves: leaves || decided || UNRECORDED_CODES.has(full.code) };
  }
  if (textOf(open) !== textOf(full))
    throw new Error('a contract gives another result, writes or events with its private arguments than without');
  return { run: full, leaves };
}

function textOf(outcome: Outcome): string {
  return canonical(outcome as unknown as Json);
}

function outcomeOf(run: Outcome): GatheredOutcome {
  switch (run.kind) {
    case 'committed':
      return { kind: 'committed', result: run.result, events: run.events };
    case 'repeated':
      return { kind: 'repeated' };
    case 'refused':
      return { kind: 'refused', code: run.code, ...(run.detail === undefined ? {} : { detail: run.detail }) };
  }
}

/** Remembers what the first run of a call reads, and gives its second run that and nothing else. */
class RecordedReads {
  readonly #state: StateReader;
  readonly #values = new Map<string, Json | undefined | Promise<Json | undefined>>();
  readonly #ranges = new Map<string, readonly Entry[] | Promise<readonly Entry[]>>();

  constructor(state: StateReader) {
    this.#state = state;
  }

  recording(): StateReader {
    return {
      get: (key) => {
        const value = this.#state.get(key);
        this.#values.set(key, value);
        return value;
      },
      range: (start, end, limit) => {
        const entries = this.#state.range(start, end, limit);
        this.#ranges.set(rangeName(start, end, limit), entries);
        return entries;
      },
    };
  }

  replaying(): StateReader {
    return {
      get: (key) => {
        if (!this.#values.has(key)) throw new Error('a contract reads a key with its private arguments only');
        return this.#values.get(key);
      },
      range: (start, end, limit) => {
        const entries = this.#ranges.get(rangeName(start, end, limit));
        if (entries === undefined) throw new Error('a contract reads a range with its private arguments only');
        return entries;
      },
    };
  }
}

function rangeName(start: string, end: string, limit: number): string {
  return `${start} ${end} ${limit}`;
}
