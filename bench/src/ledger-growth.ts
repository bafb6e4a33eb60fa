import type { EmbeddedLedger } from '@salus/ledger';
import type { BenchResult } from './bench-result.ts';
import { type LedgerLoad, openLedgerLoad, submitAll } from './ledger-load.ts';

const THROUGHPUT_TARGET = 0.9;
const READ_TARGET = 1.5;
const MEMORY_TARGET_BYTES = 600e6;
const SMALL = 10_000;
/** Timed calls at each size. */
const WINDOW = 20_000;
const SEGMENT = 10_000;
/** Keys that are read at each size. */
const READS = 5_000;

/**
 * Throughput and reads of one ledger at 10,000 and at 1,000,000 transactions, and its memory in the end. Reads are of keys that
 * the ledger has not read since it was opened, so that its cache helps neither size.
 */
export async function benchLedgerGrowth(
  options: { readonly transactions?: number } = {},
): Promise<readonly BenchResult[]> {
  const large = options.transactions ?? 1_000_000;
  await using load = await openLedgerLoad();
  const ids = new Sample(READS * 2);
  await fill(load, SMALL, ids);
  const small = await measure(load, ids);
  await fill(load, large - WINDOW, ids);
  const grown = await measure(load, ids);
  const rss = process.memoryUsage().rss;
  const transactions = large;
  return [
    {
      name: 'ledger: throughput at 1,000,000 transactions ÷ at 10,000',
      value: grown.rate,
      limit: small.rate,
      ratio: grown.rate / small.rate,
      target: THROUGHPUT_TARGET,
      sense: 'at-least',
      details: { unit: 'calls/s', transactions, windowCalls: WINDOW },
    },
    {
      name: 'ledger: read p95 at 1,000,000 transactions ÷ at 10,000',
      value: grown.readP95Us,
      limit: small.readP95Us,
      ratio: grown.readP95Us / small.readP95Us,
      target: READ_TARGET,
      sense: 'at-most',
      details: {
        unit: 'µs',
        transactions,
        p50: grown.readP50Us,
        p50At10000: small.readP50Us,
        reads: READS,
      },
    },
    {
      name: 'ledger: memory after 1,000,000 transactions, load generator included',
      value: rss,
      limit: MEMORY_TARGET_BYTES,
      ratio: rss / MEMORY_TARGET_BYTES,
      target: 1,
      sense: 'at-most',
      details: { unit: 'bytes RSS', transactions, peak: process.resourceUsage().maxRSS * 1_024 },
    },
  ];
}

/** Submits calls until the ledger has had `total` of them. */
async function fill(load: LedgerLoad, total: number, ids: Sample): Promise<void> {
  while (ids.seen < total) {
    const calls = await load.sign(Math.min(SEGMENT, total - ids.seen));
    await submitAll(load.ledger(), calls, (callId) => ids.add(callId));
  }
}

type Measured = { readonly rate: number; readonly readP50Us: number; readonly readP95Us: number };

async function measure(load: LedgerLoad, ids: Sample): Promise<Measured> {
  await load.reopen();
  const times = await readAll(load.ledger(), ids.some(READS));
  const calls = await load.sign(WINDOW);
  const rate = await submitAll(load.ledger(), calls, (callId) => ids.add(callId));
  return {
    rate,
    readP50Us: times[Math.floor(times.length * 0.5)]!,
    readP95Us: times[Math.floor(times.length * 0.95)]!,
  };
}

/** Times of single reads through the port in µs, sorted. */
async function readAll(ledger: EmbeddedLedger, ids: readonly string[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (const id of ids) {
    const start = performance.now();
    const value = await ledger.get(`call/${id}`);
    times.push((performance.now() - start) * 1_000);
    if (value === undefined) throw new Error('a committed call must be readable');
  }
  return times.sort((left, right) => left - right);
}

/** An even sample of a stream of unknown length (reservoir sampling, Vitter's algorithm R) in bounded memory. */
class Sample {
  seen = 0;
  readonly #kept: string[] = [];
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  add(item: string): void {
    this.seen += 1;
    if (this.#kept.length < this.#size) {
      this.#kept.push(item);
      return;
    }
    const at = Math.floor(Math.random() * this.seen);
    if (at < this.#size) this.#kept[at] = item;
  }

  some(count: number): readonly string[] {
    return this.#kept.slice(0, count);
  }
}
