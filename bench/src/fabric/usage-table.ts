import { cpuMsEach, type Phase } from './phase.ts';

/** Where processor time and memory go, for people: a line for each process, a column for each thing that was measured. */
export function usageTable(phases: ReadonlyMap<string, Phase>, rssMb: ReadonlyMap<string, number>): string {
  const names = [...phases.keys()];
  const header = ['processor ms each', ...names, 'memory MiB'];
  const lines = [...rssMb].map(([process, mb]) => [
    process,
    ...[...phases.values()].map(({ count, cpuMs }) => ((cpuMs.get(process) ?? 0) / count).toFixed(2)),
    mb.toFixed(0),
  ]);
  const sums = ['all', ...[...phases.values()].map((phase) => cpuMsEach(phase).toFixed(2)), sumOf(rssMb).toFixed(0)];
  return [header, ...lines, sums].map((cells) => cells.map(pad).join('  ')).join('\n');
}

function pad(cell: string, column: number): string {
  return column === 0 ? cell.padEnd(24) : cell.padStart(16);
}

function sumOf(values: ReadonlyMap<string, number>): number {
  return [...values.values()].reduce((sum, value) => sum + value, 0);
}
