import { readFileSync } from 'node:fs';

/** Of /proc/<pid>/stat: `USER_HZ`, 100 on every Linux that Node runs on. */
const TICK_MS = 10;

export type Watched = { readonly name: string; readonly pid: number };

/** Processor time of each process so far, user and system of all its threads, in milliseconds. */
export function cpuMsOf(processes: readonly Watched[]): ReadonlyMap<string, number> {
  return new Map(processes.map(({ name, pid }) => [name, readCpuMs(pid)]));
}

/** Resident memory of each process now, in MiB. */
export function rssMbOf(processes: readonly Watched[]): ReadonlyMap<string, number> {
  return new Map(
    processes.map(({ name, pid }) => {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return [name, Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024];
    }),
  );
}

function readCpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // proc(5): after the name in parentheses, utime and stime are the 12th and 13th fields.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
