import { parentPort, workerData } from 'node:worker_threads';
import { loadRuntime } from '../contract-runtime.ts';
import { openReadOnly } from './read-only.ts';
import { isDamage } from './task-pool.ts';
import { runTask, type Task } from './tasks.ts';

export type WorkerSettings = { readonly file: string; readonly runtimeModule: string | undefined };
/** `broken`: the fault is not that of the file. */
export type TaskAnswer = { readonly value?: unknown; readonly error?: string; readonly broken?: boolean };

const { file, runtimeModule } = workerData as WorkerSettings;
const runtime = await loadRuntime(runtimeModule);
const database = openReadOnly(file);

parentPort?.on('message', (task: Task) => void answer(task));

async function answer(task: Task): Promise<void> {
  try {
    parentPort?.postMessage({ value: await runTask(database, runtime, task) } satisfies TaskAnswer);
  } catch (error) {
    // Errors of SQLite on a damaged file end here and become findings; their texts name pages and columns, no values.
    const message = error instanceof Error ? error.message : String(error);
    parentPort?.postMessage({ error: message, broken: !isDamage(error) } satisfies TaskAnswer);
  }
}
