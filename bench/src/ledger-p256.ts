import { Worker } from 'node:worker_threads';
import { generateSigningKeySync, signerFromPkcs8, utf8, verifyEs256 } from '@salus/crypto';

/** The size of a signed call's payload, about. */
const MESSAGE_BYTES = 700;
const CALLS_PER_LOOK_AT_THE_CLOCK = 64;

/** P-256 verifications per second of one core, or of `threads` at once: what no ledger that checks each call can exceed. */
export async function p256VerificationsPerSecond(options: {
  readonly threads: number;
  readonly durationMs: number;
}): Promise<number> {
  const { threads, durationMs } = options;
  if (threads === 1) return verifyFor(durationMs);
  const rates = Array.from({ length: threads }, () => runInThread(durationMs));
  return (await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0);
}

/** Verifies on the calling thread; verifications per second. */
export function verifyFor(durationMs: number): number {
  const signer = signerFromPkcs8(generateSigningKeySync().privateKey);
  const message = utf8('m'.repeat(MESSAGE_BYTES));
  const signature = signer.signSync(message);
  const verify = (): void => {
    if (!verifyEs256(signer.publicKey, message, signature)) throw new Error('a valid signature must verify');
  };
  for (let warm = 0; warm < 500; warm += 1) verify();
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < durationMs) {
    for (let at = 0; at < CALLS_PER_LOOK_AT_THE_CLOCK; at += 1) verify();
    count += CALLS_PER_LOOK_AT_THE_CLOCK;
  }
  return (count * 1_000) / (performance.now() - start);
}

function runInThread(durationMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./ledger-p256-worker.ts', import.meta.url), { workerData: { durationMs } });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}
