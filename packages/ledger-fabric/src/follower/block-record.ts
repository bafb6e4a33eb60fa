import type { ContractsInUse, FabricTransaction } from '@salus/ledger';
import { BlockBuilder, type CallPure, createPure, placeOf, viewOf, type WriteText } from '@salus/ledger/store';
import { type EndorserTransaction, VALID } from '../block/transaction.ts';
import type { PublicWrite } from '../block/write-set.ts';
import { type Alarm, type AlarmCode, boundedAlarm } from './alarm.ts';
import type { AppliedOutcome, AppliedTransaction } from './applied.ts';
import { BlockDistrust } from './distrust.ts';
import type { JudgedCall } from './judge-transaction.ts';
import type { Replica } from './replica.ts';
import { writeTextsOf } from './writes.ts';

/** A block while its transactions are judged one after the other: what they are to change, and what became of each. */
export class BlockRecord {
  readonly builder: BlockBuilder;
  readonly pure: CallPure = createPure();
  /** The replica's and what this block adds. */
  readonly distrust: BlockDistrust;
  readonly fabricTransactions: FabricTransaction[] = [];
  readonly applied: AppliedTransaction[] = [];
  readonly alarms: Alarm[] = [];
  /** The latest time of a justified transaction; 0 while there is none. */
  timestampMs = 0;
  readonly #replica: Replica;

  constructor(replica: Replica, block: number) {
    this.#replica = replica;
    this.builder = new BlockBuilder(replica.state, block, 0);
    this.distrust = new BlockDistrust(replica.distrust);
  }

  /** A transaction that leaves our namespace as it was. */
  pass(transaction: { readonly txId: string; readonly validationCode: number; readonly creator?: string }): void {
    const { txId, validationCode, creator = '' } = transaction;
    this.fabricTransactions.push({ txId, validationCode, creator, endorsers: [], calls: 0 });
    this.applied.push({ txId, block: this.builder.number, code: validationCode, outcomes: [] });
  }

  justify(
    { txId, timestampMs, creator }: EndorserTransaction,
    as: {
      readonly endorsers: readonly string[];
      readonly calls: readonly JudgedCall[];
      readonly contracts: ContractsInUse;
      /** What the transaction writes beside its calls. */
      readonly marks?: readonly WriteText[];
    },
  ): void {
    const { endorsers, contracts, marks } = as;
    const { builder } = this;
    const before = builder.bodies.length;
    if (timestampMs === undefined) throw new Error('broken invariant: without a time no call is justified');
    this.timestampMs = Math.max(this.timestampMs, timestampMs);
    const outcomes = as.calls.map((judged) => {
      builder.timestampMs = judged.timestampMs ?? timestampMs;
      return this.#recordCall(judged);
    });
    if (marks !== undefined) builder.writeBeside(marks);
    const calls = builder.bodies.length - before;
    const facts = { txId, validationCode: VALID, creator: creator.mspId, endorsers, calls, contracts };
    this.fabricTransactions.push(facts);
    this.applied.push({ txId, block: builder.number, code: VALID, outcomes });
  }

  alarm(
    { txId, creator }: EndorserTransaction,
    about: {
      readonly endorsers: readonly string[];
      readonly writes: readonly PublicWrite[];
      readonly code: AlarmCode;
      readonly detail: string;
      /** Further keys to be distrusted. */
      readonly keys: readonly string[];
    },
  ): void {
    const { endorsers, writes, code, detail } = about;
    const { builder } = this;
    const keys = [...new Set([...writes.map(({ key }) => key), ...about.keys])].sort();
    builder.writeBeside(writeTextsOf(writes));
    this.distrust.add(keys);
    this.alarms.push(boundedAlarm({ block: builder.number, txId, code, keys, detail }));
    const facts = { txId, validationCode: VALID, creator: creator.mspId, endorsers, calls: 0, alarm: code };
    this.fabricTransactions.push(facts);
    this.applied.push({ txId, block: builder.number, code: VALID, alarm: code, outcomes: [] });
  }

  /** An alarm that distrusts nothing. */
  note(alarm: Alarm): void {
    this.alarms.push(alarm);
  }

  #recordCall({ call, outcome, written, tainted }: JudgedCall): AppliedOutcome {
    const { builder } = this;
    const { callId, payloadText } = call;
    const recorded = { callId, payloadText, signature: call.call.signature };
    const { number: block, timestampMs } = builder;
    switch (outcome.kind) {
      case 'committed': {
        const index = builder.commit(recorded, outcome, written);
        if (!tainted) return { kind: 'committed', callId, block, index, timestampMs, result: outcome.result };
        this.distrust.add(written.map(([key]) => key));
        return { kind: 'distrusted', callId };
      }
      case 'repeated': {
        if (tainted) return { kind: 'distrusted', callId };
        return { kind: 'committed', callId, ...this.#firstOf(callId), result: outcome.result };
      }
      case 'refused':
        builder.refuse(recorded, outcome.code);
        return { kind: 'refused', callId, code: outcome.code };
    }
  }

  /** Place and time of a call that committed before, in this block perhaps. */
  #firstOf(callId: string): { readonly block: number; readonly index: number; readonly timestampMs: number } {
    const { builder } = this;
    const { position } = builder.version(`call/${callId}`)!;
    const { block, index } = placeOf(position);
    const body = block === builder.number ? builder.bodies[index] : this.#replica.store.body(position);
    const { timestampMs } = viewOf(body!, block, index);
    return { block, index, timestampMs };
  }
}
