import { Metadata, status } from '@grpc/grpc-js';
import { GatewayError } from '@hyperledger/fabric-gateway';
import { peer } from '@hyperledger/fabric-protos';
import { LedgerError, type SubmitResult } from '@salus/ledger';
import { describe, expect, it } from 'vitest';
import type { Failure } from '../wire.ts';
import { type CarrierParts, carryCalls } from './carrier.ts';
import type { EndorseResult } from './endorsement.ts';
import type { AppliedView } from './follower-view.ts';
import type { GatewayFault } from './gateway-fault.ts';
import { Pace } from './pace.ts';
import type { PendingCall } from './pending-call.ts';
import { Slots } from './slots.ts';

const { VALID, MVCC_READ_CONFLICT, PHANTOM_READ_CONFLICT, ENDORSEMENT_POLICY_FAILURE } = peer.TxValidationCode;
const { BAD_PROPOSAL_TXID, DUPLICATE_TXID } = peer.TxValidationCode;

/** A channel as a script: what each endorsement gives, and which code each ordered transaction gets. */
type Script = {
  endorse?: (ids: readonly string[], attempt: number) => GatewayFault | 'ok';
  code?: (ids: readonly string[], ordered: number) => number;
  order?: (attempt: number) => void;
  /** Acknowledged by an orderer that dies before it passes the transaction on. */
  isLost?: (attempt: number) => boolean;
  alarm?: string;
  stop?: AbortSignal;
};

class Channel {
  readonly endorsed: (readonly string[])[] = [];
  readonly turns: number[] = [];
  readonly aside: (readonly string[])[] = [];
  readonly ordered: (readonly string[])[] = [];
  readonly results = new Map<string, SubmitResult>();
  readonly parts: CarrierParts;
  forgotten = 0;
  orders = 0;

  constructor(script: Script) {
    const waiting = new Map<string, (applied: AppliedView) => void>();
    const apply = (ids: readonly string[]): AppliedView => {
      this.ordered.push(ids);
      const code = script.code?.(ids, this.ordered.length) ?? VALID;
      const outcomes = code === VALID ? ids.map((callId, index) => this.#commit(callId, index)) : [];
      return { block: 7, code, outcomes, ...(script.alarm === undefined ? {} : { alarm: script.alarm }) };
    };
    this.parts = {
      endorser: {
        endorse: async (calls, turn): Promise<EndorseResult> => {
          const ids = calls.map(({ callId }) => callId);
          this.endorsed.push(ids);
          this.turns.push(turn);
          const fault = script.endorse?.(ids, this.endorsed.length) ?? 'ok';
          if (fault !== 'ok') return { kind: 'failed', fault, reason: 'as scripted' };
          return { kind: 'endorsed', txId: ids.join(' '), endorsed: ids as never, others: [`drawn ${turn}`] };
        },
        setAside: (organisations) => {
          this.aside.push(organisations);
        },
        forgetPolicy: () => {
          this.forgotten += 1;
        },
      },
      peers: {
        order: async (endorsed) => {
          this.orders += 1;
          script.order?.(this.orders);
          if (script.isLost?.(this.orders) === true) return;
          const ids = endorsed as never as readonly string[];
          waiting.get(ids.join(' '))?.(apply(ids));
        },
      },
      follower: {
        failure: undefined,
        peek: () => undefined,
        findEndorsers: () => undefined,
        findResult: (callId) => this.results.get(callId) as never,
        onApplied: () => () => undefined,
        awaitTransaction: (txId, signal) =>
          new Promise((resolve, reject) => {
            waiting.set(txId, resolve);
            signal.addEventListener('abort', () => reject(signal.reason as Error));
          }),
      },
      endorsing: new Slots(2, () => undefined),
      pace: new Pace(),
      stop: script.stop ?? new AbortController().signal,
    };
  }

  async carry(ids: readonly string[], limitMs = 60_000): Promise<readonly (SubmitResult | LedgerError)[]> {
    const results = ids.map(() => Promise.withResolvers<SubmitResult>());
    const calls = ids.map((callId, at) => pending(callId, limitMs, results[at]!));
    const settled = Promise.allSettled(results.map(({ promise }) => promise));
    await carryCalls(this.parts, calls);
    return (await settled).map((result) =>
      result.status === 'fulfilled' ? result.value : (result.reason as LedgerError),
    );
  }

  #commit(callId: string, index: number): SubmitResult {
    const result = { kind: 'committed', callId, block: 7, index, timestampMs: 1, result: null } as const;
    this.results.set(callId, result);
    return result;
  }
}

function pending(
  callId: string,
  limitMs: number,
  { resolve, reject }: Pick<PendingCall, 'resolve' | 'reject'>,
): PendingCall {
  return {
    call: {} as never,
    callId,
    sizeBytes: 1,
    privateArgs: callId.startsWith('secret') ? ({} as never) : undefined,
    privateBytes: 0,
    sameness: callId,
    tags: [],
    deadlineMs: performance.now() + limitMs,
    resolve,
    reject,
  };
}

const answered = (failure: Failure): GatewayFault => ({ kind: 'answered', failure });
const kinds = (results: readonly (SubmitResult | LedgerError)[]) =>
  results.map((result) => (result instanceof LedgerError ? result.code : result.kind));

/** Long enough for a first attempt on a machine that is busy. */
const SHORT_MS = 2_000;

describe('carrying calls onto the channel', () => {
  it('answers each with its place once the own follower has applied the block', async () => {
    const channel = new Channel({});
    expect(await channel.carry(['a', 'b'])).toMatchObject([
      { kind: 'committed', callId: 'a', block: 7, index: 0 },
      { kind: 'committed', callId: 'b', block: 7, index: 1 },
    ]);
    expect(channel.ordered).toEqual([['a', 'b']]);
  });

  it('answers what the chaincode refuses and sends the rest at once', async () => {
    const refusals = [
      { index: 0, outcome: { kind: 'refused', code: 'args-invalid', detail: 'pid' } },
      { index: 2, outcome: { kind: 'repeated' } },
    ] as const;
    const channel = new Channel({
      endorse: (_, attempt) => (attempt === 1 ? answered({ kind: 'rejected', refusals }) : 'ok'),
    });
    channel.results.set('c', { kind: 'committed', callId: 'c', block: 3, index: 0, timestampMs: 1, result: 'first' });
    expect(await channel.carry(['a', 'b', 'c'])).toMatchObject([
      { kind: 'refused', callId: 'a', code: 'args-invalid', detail: 'pid' },
      { kind: 'committed', callId: 'b' },
      { kind: 'committed', callId: 'c', block: 3, result: 'first' },
    ]);
    expect(channel.ordered).toEqual([['b']]);
  });

  it('tries a conflict again, and halves a group that meets a second one', async () => {
    const once = new Channel({ code: (_, ordered) => (ordered === 1 ? PHANTOM_READ_CONFLICT : VALID) });
    expect(kinds(await once.carry(['a', 'b', 'c']))).toEqual(['committed', 'committed', 'committed']);
    expect(once.ordered).toEqual([
      ['a', 'b', 'c'],
      ['a', 'b', 'c'],
    ]);
    // `d` meets somebody else's writes five times.
    let conflicts = 0;
    const hot = new Channel({
      code: (ids) => (ids.includes('d') && ++conflicts <= 5 ? MVCC_READ_CONFLICT : VALID),
    });
    expect(kinds(await hot.carry(['a', 'b', 'c', 'd']))).toEqual(Array(4).fill('committed'));
    expect(hot.ordered.filter((ids) => !ids.includes('d'))).toEqual([['a', 'b'], ['c']]);
    expect(hot.ordered.at(-1)).toEqual(['d']);
  });

  it('asks another organisation where one does not agree again and again', async () => {
    const channel = new Channel({ endorse: (_, attempt) => (attempt <= 5 ? { kind: 'mismatch' } : 'ok') });
    expect(kinds(await channel.carry(['a']))).toEqual(['committed']);
    expect(channel.turns).toEqual([0, 0, 0, 0, 1, 1]);
  });

  it('asks for the policy again where an endorsement did not satisfy it', async () => {
    const channel = new Channel({ code: (_, ordered) => (ordered === 1 ? ENDORSEMENT_POLICY_FAILURE : VALID) });
    expect(kinds(await channel.carry(['a']))).toEqual(['committed']);
    expect(channel.forgotten).toBe(1);
  });

  it('asks another organisation at once where a transaction was invalid, and sets the one before aside', async () => {
    for (const code of [ENDORSEMENT_POLICY_FAILURE, BAD_PROPOSAL_TXID, DUPLICATE_TXID]) {
      const channel = new Channel({ code: (_, ordered) => (ordered <= 2 ? code : VALID) });
      expect(kinds(await channel.carry(['a', 'b'])), `code ${code}`).toEqual(['committed', 'committed']);
      // Each time a new proposal, with an id that nobody knows before it is endorsed.
      expect(channel.endorsed).toEqual(Array(3).fill(['a', 'b']));
      expect(channel.turns).toEqual([0, 1, 2]);
      expect(channel.aside).toEqual([['drawn 0'], ['drawn 1']]);
    }
  });

  it('sets nobody aside for a conflict', async () => {
    const channel = new Channel({ code: (_, ordered) => (ordered === 1 ? MVCC_READ_CONFLICT : VALID) });
    expect(kinds(await channel.carry(['a']))).toEqual(['committed']);
    expect([channel.turns, channel.aside]).toEqual([[0, 0], []]);
  });

  it('finds the one call that spoils a transaction, and rejects it alone', async () => {
    const spoiled = (code: 'foreign-submitter' | 'too-large') =>
      new Channel({ endorse: (ids) => (ids.includes('c') ? answered({ kind: 'fault', code }) : 'ok') });
    expect(kinds(await spoiled('foreign-submitter').carry(['a', 'b', 'c', 'd', 'e']))).toEqual([
      'committed',
      'committed',
      'bad-argument',
      'committed',
      'committed',
    ]);
    expect(kinds(await spoiled('too-large').carry(['c', 'd']))).toEqual(['bad-argument', 'committed']);
    const broken = new Channel({
      endorse: (ids) => (ids.includes('b') ? answered({ kind: 'fault', code: 'internal', call: 1 }) : 'ok'),
    });
    expect(kinds(await broken.carry(['a', 'b', 'c']))).toEqual(['committed', 'execution-failed', 'committed']);
    expect(broken.endorsed.length).toBe(2);
  });

  it('gives up on a clock that stays off', async () => {
    const channel = new Channel({ endorse: () => answered({ kind: 'fault', code: 'time-off' }) });
    expect(kinds(await channel.carry(['a', 'b']))).toEqual(['unavailable', 'unavailable']);
    expect(channel.endorsed.length).toBe(3);
  });

  it('lets public calls go on where the own chaincode opens no private values', async () => {
    const channel = new Channel({
      endorse: (ids) =>
        ids.some((id) => id.startsWith('secret')) ? answered({ kind: 'fault', code: 'private-not-opened' }) : 'ok',
    });
    expect(kinds(await channel.carry(['a', 'secret-b', 'c', 'secret-d']))).toEqual([
      'committed',
      'unavailable',
      'committed',
      'unavailable',
    ]);
  });

  it('hands a transaction to the orderers until they take it, and gives up where they refuse it', async () => {
    const busy = new Channel({
      order: (attempt) => {
        if (attempt < 4) throw gatewayError(status.UNAVAILABLE);
      },
    });
    expect(kinds(await busy.carry(['a']))).toEqual(['committed']);
    expect(busy.orders).toBe(4);
    expect(busy.endorsed.length).toBe(1);
    const refusing = new Channel({
      order: () => {
        throw gatewayError(status.ABORTED);
      },
    });
    expect(kinds(await refusing.carry(['a']))).toEqual(['unavailable']);
  });

  it('hands over again what was acknowledged and is in no block', async () => {
    const channel = new Channel({ isLost: (attempt) => attempt === 1 });
    const start = performance.now();
    expect(kinds(await channel.carry(['a']))).toEqual(['committed']);
    expect([channel.orders, channel.endorsed.length]).toEqual([2, 1]);
    expect(performance.now() - start).toBeGreaterThan(2_400);
  });

  it('is `unavailable` once the time is up, whatever was waited for', async () => {
    const unreachable = new Channel({ endorse: () => ({ kind: 'unreachable' }) });
    const late = await unreachable.carry(['a', 'b'], SHORT_MS);
    expect(kinds(late)).toEqual(['unavailable', 'unavailable']);
    for (const error of late) {
      expect(error).toMatchObject({ message: expect.stringMatching(/may have been committed, and can be sent again/) });
    }
    const [lost] = await new Channel({
      order: () => {
        throw gatewayError(status.UNAVAILABLE);
      },
    }).carry(['a'], SHORT_MS);
    expect(lost).toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/orderers: UNAVAILABLE.*can be sent again/),
    });
    const behind = new Channel({
      endorse: () => answered({ kind: 'rejected', refusals: [{ index: 0, outcome: { kind: 'repeated' } }] }),
    });
    expect(kinds(await behind.carry(['a'], SHORT_MS))).toEqual(['unavailable']);
  });

  it('rejects with `distrusted` what was committed in a transaction under alarm', async () => {
    expect(kinds(await new Channel({ alarm: 'forged' }).carry(['a']))).toEqual(['distrusted']);
  });

  it('ends with the gateway', async () => {
    const stop = new AbortController();
    const channel = new Channel({ endorse: () => ({ kind: 'unreachable' }), stop: stop.signal });
    setTimeout(() => stop.abort(new LedgerError('stopped', 'closed')), 30);
    expect(kinds(await channel.carry(['a']))).toEqual(['stopped']);
  });
});

function gatewayError(code: status): GatewayError {
  const cause = Object.assign(new Error('orderers'), { code, details: 'orderers', metadata: new Metadata() });
  return new GatewayError({ code, message: 'orderers', details: [], cause });
}
