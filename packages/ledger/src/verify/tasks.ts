import type { DatabaseSync } from 'node:sqlite';
import type { ContractRuntime } from '../contract-runtime.ts';
import { stateRootAt } from '../embedded/state-root.ts';
import { type BlocksAnswer, type BlocksTask, checkBlocks } from './blocks.ts';
import { checkRefusals, checkVersions, type RefusalsTask, type TableAnswer, type VersionsTask } from './tables.ts';

export type StructureTask = { readonly kind: 'structure' };
export type StateRootTask = { readonly kind: 'state-root'; readonly number: number };
export type Task = BlocksTask | VersionsTask | RefusalsTask | StructureTask | StateRootTask;

export type Answer<T extends Task> = T extends BlocksTask
  ? BlocksAnswer
  : T extends StructureTask
    ? readonly string[]
    : T extends StateRootTask
      ? string
      : TableAnswer;

/** Faults of SQLite's own structure that are listed at most. */
const STRUCTURE_FAULTS_MAX = 20;

export async function runTask(database: DatabaseSync, runtime: ContractRuntime, task: Task): Promise<Answer<Task>> {
  switch (task.kind) {
    case 'blocks':
      return checkBlocks(database, runtime, task);
    case 'versions':
      return checkVersions(database, task);
    case 'refusals':
      return checkRefusals(database, task);
    case 'structure':
      return checkStructure(database);
    case 'state-root':
      return stateRootAt(database, task.number);
  }
}

/** Damage between rows, which reading them in order would not show. */
function checkStructure(database: DatabaseSync): readonly string[] {
  const rows = database.prepare(`PRAGMA quick_check(${STRUCTURE_FAULTS_MAX})`).all() as unknown as [string][];
  return rows.map(([line]) => line).filter((line) => line !== 'ok');
}
