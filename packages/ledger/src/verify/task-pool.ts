import type { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { CryptoError } from '@salus/crypto';
import type { ContractRuntime } from '../contract-runtime.ts';
import { LedgerError } from '../ledger-error.ts';
import { type Answer, runTask, type Task } from './tasks.ts';
import type { TaskAnswer, WorkerSettings } from './verify-worker.ts';

/** What became of a task: its answer, or why SQLite could not read what it needed. */
export type Done<T extends Task> = {
  readonly task: T;
  readonly answer: Answer<T> | undefined;
  readonly error: string | undefined;
};

/** Whoever runs tasks; `onDone` sees each as soon as it ends. */
export interface TaskRunner extends AsyncDisposable {
  run<T extends Task>(tasks: Iterable<T>, onDone: (done: Done<T>) => void): Promise<void>;
}

/** Runs tasks on this thread: for a small ledger, threads would take longer to start than to work. */
export function inlineRunner(database: DatabaseSync, runtime: ContractRuntime): TaskRunner {
  return {
    run: async (tasks, onDone) => {
      for (const task of tasks) {
        try {
          onDone({ task, answer: (await runTask(database, runtime, task)) as Answer<typeof task>, error: undefined });
        } catch (error) {
          if (!isDamage(error)) throw error;
          onDone({ task, answer: undefined, error: error.message });
        }
      }
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/**
 * What a damaged file makes others throw: SQLite that cannot read it or finds an integer beyond 2^53, which no ledger holds,
 * and the canonical form of a value that has none.
 */
export function isDamage(error: unknown): error is Error {
  if (error instanceof CryptoError) return error.code === 'bad-json';
  const code = (error as { readonly code?: unknown }).code;
  return error instanceof Error && (code === 'ERR_SQLITE_ERROR' || code === 'ERR_OUT_OF_RANGE');
}

/** Threads that each read the file on a connection of their own and take the next task when they are free. */
export class TaskPool implements TaskRunner {
  readonly #workers: readonly Worker[];

  constructor(settings: WorkerSettings, threads: number) {
    this.#workers = Array.from(
      { length: threads },
      () => new Worker(new URL('./verify-worker.ts', import.meta.url), { workerData: settings }),
    );
  }

  async run<T extends Task>(tasks: Iterable<T>, onDone: (done: Done<T>) => void): Promise<void> {
    const queue = tasks[Symbol.iterator]();
    await Promise.all(
      this.#workers.map(async (worker) => {
        for (let next = queue.next(); next.done !== true; next = queue.next()) {
          const { value, error, broken } = await ask(worker, next.value);
          if (broken === true) throw new LedgerError('stopped', `a verifying thread failed: ${error}`);
          onDone({ task: next.value, answer: value as Answer<T> | undefined, error });
        }
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function ask(worker: Worker, task: Task): Promise<TaskAnswer> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      worker.off('message', onMessage);
      worker.off('error', onError);
      worker.off('exit', onExit);
    };
    const onMessage = (answer: TaskAnswer): void => {
      end();
      resolve(answer);
    };
    const onError = (cause: unknown): void => {
      end();
      reject(new LedgerError('stopped', 'a verifying thread failed', { cause }));
    };
    const onExit = (): void => {
      end();
      reject(new LedgerError('stopped', 'a verifying thread ended'));
    };
    worker.on('message', onMessage);
    worker.on('error', onError);
    worker.on('exit', onExit);
    worker.postMessage(task);
  });
}
