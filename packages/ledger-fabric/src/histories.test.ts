import type { Json } from '@salus/contracts';
import { canonical } from '@salus/crypto';
import type { Ledger, SubmitResult, TransactionView } from '@salus/ledger';
import { createConsortium, type PreparedCall } from '@salus/ledger/consortium';
import { startTestNetwork } from '@salus/network';
import { fabricBinaries, scaled } from '@salus/testing';
import { describe, expect, it } from 'vitest';
import { diceOf } from '../test/dice.ts';
import { type EmbeddedTwin, openEmbeddedTwin } from '../test/embedded-twin.ts';
import { openFabricPlace } from '../test/fabric-place.ts';
import { createRandomCalls } from '../test/random-calls.ts';
import { worldState } from '../test/world-state.ts';

import { bundleChaincode } from './bundle.ts';

const binaries = fabricBinaries();
const BASE_PORT = 26_200;
const ROUNDS = scaled(6, 40);
const CALLS_PER_ROUND = 40;
const TIMEOUT_MS = scaled(300_000, 1_800_000);
const SEED = 4;

type Submitted = PreparedCall & { readonly result: SubmitResult };

describe.skipIf(binaries === undefined)('concurrent histories on Fabric', () => {
  it(`are each equal to some serial one: ${ROUNDS} rounds of ${CALLS_PER_ROUND} calls at once`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    let nowMs = Date.now();
    const clock = (): number => nowMs;
    await using network = await startTestNetwork({
      binaries: binaries!,
      bundle: bundleChaincode,
      basePort: BASE_PORT,
      organisations: ['hospital-a', 'laboratory'],
    });
    // Small transactions, several on their way: what shares keys meets in blocks, not in one transaction.
    const gathering = { callsMax: 4, transactionsMax: 12, endorsingMax: 6 };
    await using first = await openFabricPlace(network, 'hospital-a', { clock, gathering });
    await using second = await openFabricPlace(network, 'hospital-a', { clock, gathering });
    await using twin = await openEmbeddedTwin(first.network, clock);
    const consortium = await createConsortium({ network: first.network, nowMs: clock });
    for (const { call } of await consortium.founding()) {
      await first.ledger().submit(call);
      await twin.ledger.submit(call);
    }
    const dice = diceOf(SEED);
    const calls = createRandomCalls({ consortium, dice, nowMs: clock });
    let shared = 0;
    let last = await first.ledger().height();
    for (let round = 0; round < ROUNDS; round += 1) {
      nowMs = Math.max(nowMs, Date.now());
      const prepared: PreparedCall[] = [];
      while (prepared.length < CALLS_PER_ROUND) prepared.push(await calls.next());
      // Two nodes of one organisation, so that calls conflict which no gatherer could put apart.
      const results = await Promise.all(
        prepared.map(({ call, privateArgs }) => (dice.chance(50) ? first : second).ledger().submit(call, privateArgs)),
      );
      const submitted = prepared.map((call, at) => ({ ...call, result: results[at]! }));
      const from = last + 1;
      last = Math.max(last, ...results.map((result) => (result.kind === 'committed' ? result.block : 0)));
      const order = await orderOf(first.ledger(), from, last);
      shared += order.length;
      await replay(twin, order, submitted, `round ${round}, seed ${SEED}`);
    }
    expect(shared).toBeGreaterThan((ROUNDS * CALLS_PER_ROUND) / 4);
    expect(await worldState(first.ledger())).toEqual(await worldState(twin.ledger));
    expect(first.ledger().alarms()).toEqual([]);
  });
});

/** The transactions of the blocks `from` to `last`, in their order, once this ledger has them. */
async function orderOf(ledger: Ledger, from: number, last: number): Promise<readonly TransactionView[]> {
  const order: TransactionView[] = [];
  if (last < from) return order;
  const controller = new AbortController();
  for await (const block of ledger.follow(from, controller.signal)) {
    order.push(...block.transactions);
    if (block.header.number === last) controller.abort();
  }
  return order;
}

/**
 * Runs what the blocks hold one after the other: each has the outcome that its block states. What was refused without a place
 * in a block must be refused alike somewhere on the way.
 */
async function replay(
  { ledger, dryRun }: EmbeddedTwin,
  order: readonly TransactionView[],
  submitted: readonly Submitted[],
  label: string,
): Promise<void> {
  const open = new Set(submitted.filter(({ result }) => result.kind === 'refused'));
  const settle = async (): Promise<void> => {
    for (const call of open) {
      const refused = call.result as Extract<SubmitResult, { kind: 'refused' }>;
      const outcome = await dryRun(call);
      if (outcome.kind === 'refused' && outcome.code === refused.code) open.delete(call);
    }
  };
  await settle();
  for (const { callId, outcome } of order) {
    const known = submitted.find(({ result }) => result.callId === callId);
    if (known === undefined) throw new Error(`${label}: a block holds a call that nobody sent`);
    const replayed = await ledger.submit(known.call, known.privateArgs);
    expect(replayed.kind, `${label}: ${callId}`).toBe(outcome.kind);
    if (replayed.kind === 'committed' && outcome.kind === 'committed') {
      expect(canonical(replayed.result as Json)).toBe(canonical(outcome.result as Json));
    } else if (replayed.kind === 'refused' && outcome.kind === 'refused') {
      expect(replayed.code, `${label}: ${callId}`).toBe(outcome.code);
    }
    await settle();
  }
  expect(open.size, `${label}: refusals that no serial history explains`).toBe(0);
}
