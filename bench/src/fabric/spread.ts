import { setTimeout as delay } from 'node:timers/promises';
import type { Ledger } from '@salus/ledger';
import type { TestNetwork } from '@salus/network';
import type { CommitLoad } from './commit-load.ts';
import { keepLedgers } from './ledgers.ts';

const POLL_MS = 2;
const WAIT_MS_MAX = 30_000;

/**
 * Milliseconds from sending a call until every other organisation's node has it in the ledger that it verified itself: every
 * door asks that one, so whoever a call revokes is refused there from then on.
 */
export async function measureSpread(
  { network, own, load }: { readonly network: TestNetwork; readonly own: Ledger; readonly load: CommitLoad },
  { organisations, count }: { readonly organisations: readonly string[]; readonly count: number },
): Promise<readonly number[]> {
  using resources = new DisposableStack();
  await using opened = new AsyncDisposableStack();
  const others: Ledger[] = [];
  for (const organisation of organisations) {
    const ledgers = resources.use(keepLedgers(network, organisation));
    others.push(opened.use(await ledgers.open()));
  }
  await load.prepare(count);
  const times: number[] = [];
  while (times.length < count) {
    const startedMs = performance.now();
    const result = await own.submit(load.next());
    if (result.kind === 'refused') throw new Error(`a call of the load was refused: ${result.code}`);
    await Promise.all(others.map((ledger) => untilCounts(ledger, result.callId)));
    times.push(performance.now() - startedMs);
  }
  return times;
}

async function untilCounts(ledger: Ledger, callId: string): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX;
  while ((await ledger.transaction(callId)) === undefined) {
    if (performance.now() > endMs) throw new Error('a call did not reach another organisation');
    await delay(POLL_MS);
  }
}
