import { assignAll } from './assign-patients.ts';
import type { BenchResult } from './bench-result.ts';
import { observationBundle, patientBundle } from './made-bundle.ts';
import { sendJson, startNode } from './node-process.ts';
import { percentile } from './percentile.ts';

const TARGET_MS = 10;
const WARM_UP = 100;

export interface TransactionAnswer {
  readonly entry: readonly { readonly response: { readonly status: string; readonly location?: string } }[];
}

/** One write after the other over HTTP on an otherwise idle machine, from request to acknowledgement. */
export async function benchHttpWrite({ writes = 1_000 }: { readonly writes?: number } = {}): Promise<BenchResult> {
  await using node = await startNode();
  const author = await node.logIn('a.rossi');
  const { organisation, token } = author;
  const path = `/${organisation}/fhir/R4`;
  const write = (body: string): Promise<TransactionAnswer> =>
    sendJson(node.send, { method: 'POST', path, token, body, type: 'application/fhir+json' });
  const made = await write(patientBundle(1, 1));
  const patientId = /Patient\/([^/]+)/.exec(made.entry[0]?.response.location ?? '')?.[1] ?? '';
  await assignAll(node, author, [`Patient/${patientId}`]);
  const timesMs: number[] = [];
  let cpuBeforeMs = 0;
  for (let number = 0; number < WARM_UP + writes; number += 1) {
    const body = observationBundle(patientId, 1_000_000 + number);
    if (number === WARM_UP) cpuBeforeMs = await node.cpuMs();
    const startMs = performance.now();
    await write(body);
    if (number >= WARM_UP) timesMs.push(performance.now() - startMs);
  }
  const value = percentile(timesMs, 0.95);
  const nodeCpuMsPerWrite = ((await node.cpuMs()) - cpuBeforeMs) / writes;
  const details = {
    unit: 'ms',
    writes,
    p50: percentile(timesMs, 0.5),
    p99: percentile(timesMs, 0.99),
    nodeCpuMsPerWrite,
  };
  return {
    name: 'node: single write over HTTP, p95',
    value,
    limit: TARGET_MS,
    ratio: value / TARGET_MS,
    target: 1,
    sense: 'at-most',
    details,
  };
}
