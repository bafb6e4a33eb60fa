import type { BenchResult } from './bench-result.ts';
import { type LedgerLoad, openLedgerLoad, submitAll } from './ledger-load.ts';
import { p256VerificationsPerSecond } from './ledger-p256.ts';
import { type ReadTimes, timeHttpReads, timePortReads } from './ledger-reads.ts';

const THROUGHPUT_TARGET = 0.9;
const READ_TARGET = 1.5;
const MEMORY_TARGET_BYTES = 600e6;
const SMALL = 10_000;
/** Timed calls at each size; they are signed beforehand, a segment at a time, so that they take little memory. */
const WINDOW = 40_000;
const SEGMENT = 10_000;
/** Keys that are read at each size, half of them over HTTP and half through the port. */
const READS = 8_000;
const LIMIT_MS = 1_000;

/**
 * Throughput and reads of one ledger at 10,000 and at 1,000,000 transactions, and its memory in the end. Reads are of keys that
 * the ledger has not read since it was opened, so that its cache helps neither size, and over HTTP by a second process; the
 * times of the port alone, of which a page that SQLite has to fetch is the larger part, stand in the details.
 */
export async function benchLedgerGrowth(
  options: { readonly transactions?: number } = {},
): Promise<readonly BenchResult[]> {
  const large = options.transactions ?? 1_000_000;
  await using load = await openLedgerLoad();
  const ids = new Sample(READS);
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
      details: {
        unit: 'calls/s',
        transactions,
        windowCalls: WINDOW,
        // A machine that was busier in one window shows here.
        p256PerSecond: grown.p256,
        p256PerSecondAt10000: small.p256,
      },
    },
    {
      name: 'ledger: read p95 at 1,000,000 transactions ÷ at 10,000',
      value: grown.http.p95Us,
      limit: small.http.p95Us,
      ratio: grown.http.p95Us / small.http.p95Us,
      target: READ_TARGET,
      sense: 'at-most',
      details: {
        unit: 'µs over HTTP',
        transactions,
        p50: grown.http.p50Us,
        p50At10000: small.http.p50Us,
        portP95: grown.port.p95Us,
        portP95At10000: small.port.p95Us,
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

type Measured = {
  readonly rate: number;
  readonly p256: number;
  readonly http: ReadTimes;
  readonly port: ReadTimes;
};

async function measure(load: LedgerLoad, ids: Sample): Promise<Measured> {
  await load.reopen();
  const keys = ids.some(READS).map((id) => `call/${id}`);
  const http = await timeHttpReads(load.ledger(), keys.slice(0, READS / 2));
  const port = await timePortReads(load.ledger(), keys.slice(READS / 2));
  const before = await p256VerificationsPerSecond({ threads: 1, durationMs: LIMIT_MS });
  let seconds = 0;
  for (let done = 0; done < WINDOW; done += SEGMENT) {
    const calls = await load.sign(SEGMENT);
    seconds += calls.length / (await submitAll(load.ledger(), calls, (callId) => ids.add(callId)));
  }
  const rate = WINDOW / seconds;
  const after = await p256VerificationsPerSecond({ threads: 1, durationMs: LIMIT_MS });
  return { rate, p256: (before + after) / 2, http, port };
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
