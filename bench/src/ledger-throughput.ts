import { availableParallelism } from 'node:os';
import type { BenchResult } from './bench-result.ts';
import { openLedgerLoad, submitAll } from './ledger-load.ts';
import { p256VerificationsPerSecond } from './ledger-p256.ts';

const TARGET = 0.5;
/** Calls signed ahead of each timed stretch; signing is not timed. */
const STRETCH_CALLS = 20_000;
const LIMIT_MS = 2_000;

/** Signed durable calls per second through the port, against P-256 verifications per second of one core. */
export async function benchLedgerThroughput(options: { readonly seconds?: number } = {}): Promise<BenchResult> {
  const seconds = options.seconds ?? 30;
  await using load = await openLedgerLoad();
  await submitAll(load.ledger(), await load.sign(STRETCH_CALLS / 4));
  const before = await p256VerificationsPerSecond({ threads: 1, durationMs: LIMIT_MS });
  let calls = 0;
  let durationMs = 0;
  while (durationMs < seconds * 1_000) {
    const stretch = await load.sign(STRETCH_CALLS);
    const start = performance.now();
    await submitAll(load.ledger(), stretch);
    durationMs += performance.now() - start;
    calls += stretch.length;
  }
  const after = await p256VerificationsPerSecond({ threads: 1, durationMs: LIMIT_MS });
  const value = (calls * 1_000) / durationMs;
  const limit = (before + after) / 2;
  const details = {
    unit: 'calls/s',
    calls,
    seconds: durationMs / 1_000,
    blocks: await load.ledger().height(),
    cores: availableParallelism(),
    limit: 'P-256 verifications/s of one core, mean of before and after',
  };
  return {
    name: 'ledger: signed durable calls',
    value,
    limit,
    ratio: value / limit,
    target: TARGET,
    sense: 'at-least',
    details,
  };
}
