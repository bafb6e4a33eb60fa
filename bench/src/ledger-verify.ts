import { availableParallelism } from 'node:os';
import { type VerifyReport, verifyLedger } from '@salus/ledger';
import type { BenchResult } from './bench-result.ts';
import { openLedgerLoad, submitAll } from './ledger-load.ts';
import { p256VerificationsPerSecond } from './ledger-p256.ts';

const TARGET = 0.7;
const SEGMENT = 10_000;
const LIMIT_MS = 3_000;

/** Signatures per second of `verify`, against P-256 verifications per second of all cores; re-execution in the details. */
export async function benchLedgerVerify(options: { readonly transactions?: number } = {}): Promise<BenchResult> {
  const transactions = options.transactions ?? 100_000;
  await using load = await openLedgerLoad();
  for (let done = 0; done < transactions; done += SEGMENT) {
    await submitAll(load.ledger(), await load.sign(Math.min(SEGMENT, transactions - done)));
  }
  await load.close();
  const threads = availableParallelism();
  const before = await p256VerificationsPerSecond({ threads, durationMs: LIMIT_MS });
  const { checkpointFile } = load;
  const report = requireClean(await verifyLedger(load.file, { checkpointFile }));
  const after = await p256VerificationsPerSecond({ threads, durationMs: LIMIT_MS });
  const again = requireClean(await verifyLedger(load.file, { checkpointFile, reexecute: true }));
  const value = (report.signatures * 1_000) / report.durationMs;
  const limit = (before + after) / 2;
  const details = {
    unit: 'signatures/s',
    transactions: report.transactions,
    seconds: report.durationMs / 1_000,
    versions: report.versions,
    cores: threads,
    // Not 0 when the contracts were changed while the bench ran.
    otherVersion: again.otherVersion,
    reexecutedPerSecond: (again.reexecuted * 1_000) / again.durationMs,
    limit: 'P-256 verifications/s of all cores, mean of before and after',
  };
  return {
    name: 'ledger: signatures checked by verify',
    value,
    limit,
    ratio: value / limit,
    target: TARGET,
    sense: 'at-least',
    details,
  };
}

function requireClean(report: VerifyReport): VerifyReport {
  if (report.findings.length > 0) throw new Error(`verify must find nothing: ${JSON.stringify(report.findings[0])}`);
  return report;
}
