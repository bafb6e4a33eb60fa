import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

const SHOWN_MAX = 15;

export interface FileTime {
  readonly file: string;
  /** Its import, its hooks and its tests. */
  readonly durationMs: number;
}

/** One line for each of the files that took longest, slowest first, and one for all of them. */
export function slowestFiles(times: readonly FileTime[]): readonly string[] {
  if (times.length === 0) return [];
  const slowest = times.toSorted((left, right) => right.durationMs - left.durationMs).slice(0, SHOWN_MAX);
  const totalMs = times.reduce((sum, { durationMs }) => sum + durationMs, 0);
  return [
    `Slowest of ${times.length} files, which took ${inSeconds(totalMs)} one by one:`,
    ...slowest.map(({ file, durationMs }) => `${inSeconds(durationMs).padStart(10)}  ${file}`),
  ];
}

function inSeconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/** vitest's own JSON report leaves out imports and hooks, where a founding or the start of a network is. */
export class SlowestFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const times = modules.map((module) => {
      const { collectDuration, duration } = module.diagnostic();
      return { file: relative(process.cwd(), module.moduleId), durationMs: collectDuration + duration };
    });
    for (const line of slowestFiles(times)) process.stdout.write(`${line}\n`);
  }
}
