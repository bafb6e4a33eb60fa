import type { Answer, Asked, NodeProcess } from './node-process.ts';
import { percentile } from './percentile.ts';

const WARM_UP_MS = 3_000;

export interface Load {
  readonly rate: number;
  readonly p50: number;
  readonly p95: number;
  /** Processor time of the node, all threads, for one request. */
  readonly nodeCpuMs: number;
}

/** Closed loop: each client sends its next request when the last was answered whole; any refusal ends the bench. */
export async function closedLoop(
  node: NodeProcess,
  {
    clients,
    seconds,
    next,
    look,
  }: {
    readonly clients: number;
    readonly seconds: number;
    readonly next: (turn: number) => Asked;
    /** Sees every answer. */
    readonly look?: (answer: Answer) => void;
  },
): Promise<Load> {
  const timesMs: number[] = [];
  let requests = 0;
  let turn = 0;
  const cpuBeforeMs = await node.cpuMs();
  const startMs = performance.now() + WARM_UP_MS;
  const endMs = startMs + seconds * 1_000;
  const client = async (): Promise<void> => {
    while (performance.now() < endMs) {
      turn += 1;
      const sentMs = performance.now();
      const asked = next(turn);
      const answer = await node.send(asked);
      if (answer.status < 200 || answer.status > 299) {
        throw new Error(`${asked.method} answered ${answer.status}: ${answer.text.slice(0, 300)}`);
      }
      look?.(answer);
      requests += 1;
      if (sentMs >= startMs) timesMs.push(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const nodeCpuMs = ((await node.cpuMs()) - cpuBeforeMs) / requests;
  return { rate: timesMs.length / seconds, p50: percentile(timesMs, 0.5), p95: percentile(timesMs, 0.95), nodeCpuMs };
}
