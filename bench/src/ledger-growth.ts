import type { EmbeddedLedger } from '@salus/ledger';
import type { BenchResult } from './bench-result.ts';
import { type LedgerLoad, openLedgerLoad, submitAll } from './ledger-load.ts';
import { p256VerificationsPerSecond } from './ledger-p256.ts';
import { type ReadTimes, timeHttpReads, timePortReads, timeReadsInTurns } from './ledger-reads.ts';

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
 * the ledger has not read since it was opened, so that its cache helps neither size, and over HTTP by a second process. The
 * ledger as it was at 10,000 is kept aside and read in turns with the grown one: how fast a machine wakes for a request changes
 * by more than half within the minutes between, and would be taken for growth. The times of the port alone stand in the details.
 */
export async function benchLedgerGrowth(
  options: { readonly transactions?: number } = {},
): Promise<readonly BenchResult[]> {
  const large = options.transactions ?? 1_000_000;
  await using load = await openLedgerLoad();
  const ids = new Sample(READS);
  await fill(load, SMALL, ids);
  const smallIds = ids.all();
  const openSmall = await load.keep('small');
  const small = await measureRate(load, ids);
  await fill(load, large - WINDOW, ids);
  await load.reopen();
  const grown = await measureRate(load, ids);
  const rss = process.memoryUsage().rss;
  const peak = process.resourceUsage().maxRSS * 1_024;
  await load.reopen();
  await using smallLedger = await openSmall();
  const reads = await measureReads([
    { ledger: smallLedger, ids: smallIds },
    { ledger: load.ledger(), ids: ids.all() },
  ]);
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
      value: reads.http.grown.p95Us,
      limit: reads.http.small.p95Us,
      ratio: reads.http.grown.p95Us / reads.http.small.p95Us,
      target: READ_TARGET,
      sense: 'at-most',
      details: {
        unit: 'µs over HTTP, both ledgers in turns',
        transactions,
        p50: reads.http.grown.p50Us,
        p50At10000: reads.http.small.p50Us,
        portP95: reads.port.grown.p95Us,
        portP95At10000: reads.port.small.p95Us,
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
      details: { unit: 'bytes RSS', transactions, peak },
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

async function measureRate(load: LedgerLoad, ids: Sample): Promise<{ readonly rate: number; readonly p256: number }> {
  const before = await p256VerificationsPerSecond({ threads: 1, durationMs: LIMIT_MS });
  let seconds = 0;
  for (let done = 0; done < WINDOW; done += SEGMENT) {
    const calls = await load.sign(SEGMENT);
    seconds += calls.length / (await submitAll(load.ledger(), calls, (callId) => ids.add(callId)));
  }
  const after = await p256VerificationsPerSecond({ threads: 1, durationMs: LIMIT_MS });
  return { rate: WINDOW / seconds, p256: (before + after) / 2 };
}

type Side = { readonly ledger: EmbeddedLedger; readonly ids: readonly string[] };
type BothTimes = { readonly small: ReadTimes; readonly grown: ReadTimes };

async function measureReads(sides: readonly Side[]): Promise<{ readonly http: BothTimes; readonly port: BothTimes }> {
  const half = READS / 2;
  const keysOf = (from: number) =>
    sides.map(({ ledger, ids }) => ({ ledger, keys: ids.slice(from, from + half).map((id) => `call/${id}`) }));
  const [smallHttp, grownHttp] = await timeReadsInTurns(keysOf(0), timeHttpReads);
  const [smallPort, grownPort] = await timeReadsInTurns(keysOf(half), timePortReads);
  return { http: { small: smallHttp!, grown: grownHttp! }, port: { small: smallPort!, grown: grownPort! } };
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

  all(): readonly string[] {
    return [...this.#kept];
  }
}
