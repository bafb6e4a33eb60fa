import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  IMPORT_KEY,
  type ImportFact,
  type Json,
  MOVE_KEY,
  type MoveFact,
  NETWORK_KEY,
  type Outcome,
  type Write,
} from '@salus/contracts';
import { canonical } from '@salus/crypto';
import { NO_WRITES, textLeaf, writesText } from '@salus/ledger/block';
import { createPure } from '@salus/ledger/pure';
import { BatchState, type StateReader } from '../chaincode/batch-state.ts';
import type { GatheredRuntime } from '../chaincode/gathered-run.ts';
import { FabricError } from '../fabric-error.ts';
import type { GatheredCall } from '../wire.ts';
import { ImportFault } from './import-fault.ts';
import { type ImportPiece, type ImportRefusal, parseImport } from './import-wire.ts';
import { type ImportedBody, readBody } from './imported-body.ts';
import { checkHeaderOf, type HeaderState, holdsPart } from './imported-header.ts';
import { demandExpected, demandExpectedEnd, type TakeOver } from './take-over.ts';

/** The event loop gets its turn after this many calls. */
const CALLS_PER_TURN = 32;

export type ImportRun = {
  readonly runtime: Pick<GatheredRuntime, 'execute'>;
  readonly network: string;
  /** The channel that takes the ledger over. */
  readonly channel: string;
  readonly argument: Uint8Array;
  /** Committed state, with what earlier transactions of the same block did. */
  readonly state: StateReader;
  /** What this organisation's administrator agreed to; `any` where only what is public is checked: in the follower. */
  readonly takeOver: TakeOver | 'any' | undefined;
};

/** A call of the ledger that moved, as it ran again. */
export type ImportedCall = {
  readonly call: GatheredCall;
  readonly outcome: Outcome;
  /** Its own time, which it keeps. */
  readonly timestampMs: number;
};

export type ImportResult =
  | {
      readonly kind: 'applied';
      /** The exact union of what is written, by key: what the calls write, and `marks`. */
      readonly writes: readonly Write[];
      /** What the import writes beside the calls: how far it is, and at its start that it has begun. */
      readonly marks: readonly Write[];
      readonly calls: readonly ImportedCall[];
      readonly progress: ImportFact;
    }
  | ({ readonly kind: 'refused' } & ImportRefusal);

/**
 * Takes the next part of an embedded ledger over, as every endorser and every follower does it: chain, ledger signature, the
 * calls' own signatures and all public rules at their original times, by running each call again without private arguments.
 * What is written is what the calls do, never what somebody says that they did. Rejects when an invariant is broken.
 */
export async function runImport(run: ImportRun): Promise<ImportResult> {
  const place: { block: number | null; index: number | null } = { block: null, index: null };
  try {
    const pieces = parseImport(run.argument);
    const state = await openState(run);
    const calls: ImportedCall[] = [];
    for (const piece of pieces) calls.push(...(await takePiece(run, state, piece, place)));
    const marks = state.mark();
    return { kind: 'applied', writes: state.writes(), marks, calls, progress: state.progress! };
  } catch (error) {
    if (error instanceof ImportFault) return { kind: 'refused', code: error.code, ...place };
    if (error instanceof FabricError && error.code === 'bad-wire')
      return { kind: 'refused', code: 'malformed', ...place };
    throw error;
  }
}

/** The channel's state as the calls of the ledger that moves see it, and how far the import is. */
class ImportState {
  readonly #batch: BatchState;
  readonly #startsImport: boolean;
  move: MoveFact | undefined;
  progress: ImportFact | undefined;

  constructor(state: StateReader, move: MoveFact | undefined, progress: ImportFact | undefined) {
    this.#batch = new BatchState(state);
    this.#startsImport = progress === undefined;
    this.move = move;
    this.progress = progress;
  }

  /** Neither trace of the import existed when these calls were made. */
  reader(): StateReader {
    const isTrace = (key: string): boolean => key === MOVE_KEY || key === IMPORT_KEY;
    return {
      get: (key) => (isTrace(key) ? (key === MOVE_KEY ? this.#movedOrNothing() : undefined) : this.#batch.get(key)),
      range: async (start, end, limit) => {
        const entries = await this.#batch.range(start, end, limit + 2);
        return entries.filter(({ key }) => !isTrace(key)).slice(0, limit);
      },
    };
  }

  apply(writes: readonly Write[]): void {
    this.#batch.apply(writes);
    const moved = writes.find(([key]) => key === MOVE_KEY);
    if (moved !== undefined) this.move = (moved[1] as MoveFact | null) ?? undefined;
  }

  /** Writes what the import itself leaves behind. */
  mark(): readonly Write[] {
    const marks: Write[] = [[IMPORT_KEY, this.progress as unknown as Json]];
    if (this.#startsImport && this.move === undefined) marks.push([MOVE_KEY, { status: 'importing' }]);
    this.#batch.apply(marks);
    return marks;
  }

  writes(): readonly Write[] {
    return this.#batch.writes();
  }

  #movedOrNothing(): Json | undefined {
    return this.move?.status === 'moved' ? (this.move as unknown as Json) : undefined;
  }
}

async function openState({ state }: ImportRun): Promise<ImportState> {
  const [move, progress, network] = (await Promise.all([
    state.get(MOVE_KEY),
    state.get(IMPORT_KEY),
    state.get(NETWORK_KEY),
  ])) as [MoveFact | undefined, ImportFact | undefined, Json | undefined];
  if (move?.status === 'migrated') throw new ImportFault('migrated');
  if (progress === undefined && (move !== undefined || network !== undefined)) throw new ImportFault('not-empty');
  return new ImportState(state, move, progress);
}

async function takePiece(
  run: ImportRun,
  state: ImportState,
  piece: ImportPiece,
  place: { block: number | null; index: number | null },
): Promise<readonly ImportedCall[]> {
  const { progress } = state;
  if (state.move?.status === 'moved' && progress!.taken === progress!.count) throw new ImportFault('ended');
  const header = checkHeaderOf(piece, run.network, progress, place);
  demandExpected(run.takeOver, header.ledgerKey);
  const first = piece.index * 2 ** piece.level;
  const isNext = first === header.taken && piece.bodies.length === Math.min(2 ** piece.level, header.count - first);
  if (!isNext) throw new ImportFault('order');
  if (!holdsPart(piece, header, 'transactions', piece.bodies.map(textLeaf))) throw new ImportFault('body');
  const calls: ImportedCall[] = [];
  const writeLeaves: Uint8Array[] = [];
  for (const [at, text] of piece.bodies.entries()) {
    place.index = first + at;
    if (at % CALLS_PER_TURN === CALLS_PER_TURN - 1) await nextTurn();
    const body = readBody(text, { network: run.network, timestampMs: header.timestampMs });
    const outcome = await runAgain(run, state, body);
    writeLeaves.push(leafOf(outcome));
    calls.push({ call: gatheredOf(body), outcome, timestampMs: body.timestampMs });
  }
  place.index = null;
  if (!holdsPart(piece, header, 'writes', writeLeaves)) throw new ImportFault('writes-root');
  state.progress = progressOf(header, piece.bodies.length);
  demandEnd(run, state);
  return calls;
}

/** Runs a call at its own time on the state before it; it must do what the block says. */
async function runAgain(run: ImportRun, state: ImportState, body: ImportedBody): Promise<Outcome> {
  if (state.move?.status === 'moved') throw new ImportFault('ended');
  const pure = createPure();
  pure.begin({ payload: body.call.payload, callId: body.callId, signature: body.call.signature });
  const host = { network: run.network, pure, ...state.reader() };
  const again = await run.runtime.execute(host, { call: body.call, timestampMs: body.timestampMs, mode: 'public' });
  if (again.kind === 'refused' && again.code === 'signature-invalid') throw new ImportFault('call-signature');
  if (textOf(again) !== canonical(body.outcome as unknown as Json)) throw new ImportFault('outcome');
  if (again.kind === 'committed') state.apply(again.writes);
  return again;
}

function gatheredOf({ call, payloadText, callId }: ImportedBody): GatheredCall {
  return { call, payloadText, callId };
}

/** As a block holds an outcome. */
function textOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'committed': {
      const { kind, result, writes, events } = outcome;
      return canonical({ kind, result, writes, events } as unknown as Json);
    }
    case 'refused':
      return canonical({ kind: outcome.kind, code: outcome.code });
    case 'repeated':
      return canonical({ kind: outcome.kind });
  }
}

function leafOf(outcome: Outcome): Uint8Array {
  if (outcome.kind !== 'committed') return textLeaf(NO_WRITES);
  return textLeaf(writesText(outcome.writes.map(([key, value]) => [key, value === null ? null : canonical(value)])));
}

function progressOf(header: HeaderState, bodies: number): ImportFact {
  const { number, hash, stateCommitment, timestampMs, ledgerKey, count, taken } = header;
  return { number, hash, stateCommitment, timestampMs, ledgerKey, count, taken: taken + bodies };
}

/** Where the ledger has ended, it was for this channel, with the block that this organisation knows as its last. */
function demandEnd({ channel, takeOver }: ImportRun, { move, progress }: ImportState): void {
  if (move?.status !== 'moved') return;
  if (move.channel !== channel) throw new ImportFault('channel');
  demandExpectedEnd(takeOver, progress!);
}
