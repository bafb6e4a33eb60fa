import { parentPort, workerData } from 'node:worker_threads';
import { verifyFor } from './ledger-p256.ts';

const { durationMs } = workerData as { readonly durationMs: number };
parentPort?.postMessage(verifyFor(durationMs));
