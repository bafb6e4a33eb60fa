import { randomBytes, toBase64url } from '@salus/crypto';
import type { Block } from '../block.ts';
import type { Ledger, SubmitResult } from '../ledger.ts';
import { type Consortium, newPatient, type Patient, type PreparedCall } from './consortium.ts';

/** An engine as the suite sees it. */
export type LedgerEngine = {
  readonly name: string;
  /** A new ledger on which nothing was founded. */
  start(): Promise<StartedLedger>;
};

export type StartedLedger = {
  readonly ledger: Ledger;
  /** The hash that a block's header has by the rule of the engine, computed without its code. */
  hashOf(block: Block): string;
  /** The engine's clock, which runs. */
  nowMs(): number;
  /** Ends the ledger and opens it again on what it has stored; `ledger` of the result takes its place. */
  restart(): Promise<StartedLedger>;
  end(): Promise<void>;
};

export type Committed = Extract<SubmitResult, { kind: 'committed' }>;

/** What the parts of the suite share: one founded ledger, which a part may restart. */
export class Suite {
  started: StartedLedger;
  readonly consortium: Consortium;

  constructor(started: StartedLedger, consortium: Consortium) {
    this.started = started;
    this.consortium = consortium;
  }

  get ledger(): Ledger {
    return this.started.ledger;
  }

  nowMs(): number {
    return this.started.nowMs();
  }

  submit({ call, privateArgs }: PreparedCall): Promise<SubmitResult> {
    return this.ledger.submit(call, privateArgs);
  }

  async commit(prepared: PreparedCall): Promise<Committed> {
    return committed(await this.submit(prepared));
  }

  /** A patient whose registration is committed. */
  async register(): Promise<Patient> {
    const patient = newPatient();
    await this.commit(await this.consortium.register(patient));
    return patient;
  }
}

/** A suite's parts are described before there is a ledger: each test asks for it. */
export type SuiteSource = () => Suite;

export function committed(result: SubmitResult): Committed {
  if (result.kind === 'refused') throw new Error(`expected a committed call, not ${result.code}: ${result.detail}`);
  return result;
}

export function newHash(): string {
  return toBase64url(randomBytes(32));
}
