import { cpuMsOf, type Watched } from './process-usage.ts';

/** A stretch of time in which one thing was done over and over. */
export type Phase = {
  readonly count: number;
  readonly seconds: number;
  /** Processor milliseconds of each process. */
  readonly cpuMs: ReadonlyMap<string, number>;
};

/** Has `callers` do it again and again for so long; `act` tells how much was done. What is under way at the end is waited for and counted. */
export async function measure(
  processes: readonly Watched[],
  options: { readonly callers: number; readonly seconds: number },
  act: () => Promise<number>,
): Promise<Phase> {
  const before = cpuMsOf(processes);
  const start = performance.now();
  const end = start + options.seconds * 1_000;
  let count = 0;
  let hasFailed = false;
  const call = async (): Promise<void> => {
    try {
      while (performance.now() < end && !hasFailed) {
        const done = await act();
        count += done;
      }
    } catch (error) {
      // The others end first: what they use is closed afterwards.
      hasFailed = true;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: options.callers }, call));
  for (const caller of ends) if (caller.status === 'rejected') throw caller.reason;
  const seconds = (performance.now() - start) / 1_000;
  const after = cpuMsOf(processes);
  return { count, seconds, cpuMs: new Map([...after].map(([name, ms]) => [name, ms - before.get(name)!])) };
}

/** Several stretches of the same as one. */
export function sumOf(phases: readonly Phase[]): Phase {
  const cpuMs = new Map<string, number>();
  for (const phase of phases) {
    for (const [name, ms] of phase.cpuMs) cpuMs.set(name, (cpuMs.get(name) ?? 0) + ms);
  }
  return {
    count: phases.reduce((sum, { count }) => sum + count, 0),
    seconds: phases.reduce((sum, { seconds }) => sum + seconds, 0),
    cpuMs,
  };
}

export function perSecond({ count, seconds }: Phase): number {
  return count / seconds;
}

/** Processor milliseconds of all processes for one. */
export function cpuMsEach({ count, cpuMs }: Phase): number {
  return [...cpuMs.values()].reduce((sum, ms) => sum + ms, 0) / count;
}
