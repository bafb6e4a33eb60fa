import { Worker } from 'node:worker_threads';
import type { StateRoot } from '../block.ts';
import { LedgerError } from '../ledger-error.ts';
import type { BackupResult, MaintenanceAnswer, MaintenanceTask } from './maintenance-worker.ts';

/** The write-ahead log is copied back beside the engine from this number of pages on (32 MiB). */
const LOG_COPY_PAGES = 8_192;
/** The engine itself copies the rest when it is no more than this. */
const LOG_REST_PAGES = 512;
/** Copies in a row after which the engine copies the rest, however much it is: the log must not grow for ever. */
const LOG_COPIES_MAX = 8;

/** Pages in the write-ahead log, and how many of them stand in the file already. */
export type LogPages = { readonly written: number; readonly copied: number };

/**
 * One thread for what would stall the engine: copying the write-ahead log back into the file, state roots, backups.
 * Copying back on the writing thread would cost it more than half of its time at a million transactions.
 */
export class Maintenance implements AsyncDisposable {
  readonly #file: string;
  readonly #copyPages: number;
  readonly #open = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #worker: Worker | undefined;
  #next = 0;
  #copying = false;
  #ended = false;
  #copies = 0;

  constructor(file: string, copyPages: number = LOG_COPY_PAGES) {
    this.#file = file;
    this.#copyPages = copyPages;
  }

  stateRoot(number: number): Promise<StateRoot> {
    return this.#ask({ kind: 'state-root', number }) as Promise<StateRoot>;
  }

  backup(toFile: string): Promise<BackupResult> {
    return this.#ask({ kind: 'backup', toFile }) as Promise<BackupResult>;
  }

  /** Called after each block: copies a long log back, so that `copyRest` has little left and the log starts anew. */
  watchLog(pages: () => LogPages, copyRest: () => void): void {
    if (this.#copying || pages().written < this.#copyPages) return;
    this.#copying = true;
    const afterCopy = (): void => {
      if (this.#ended) return;
      this.#copying = false;
      this.#copies += 1;
      const { written, copied } = pages();
      if (written - copied > LOG_REST_PAGES && this.#copies < LOG_COPIES_MAX) return;
      this.#copies = 0;
      copyRest();
    };
    this.#ask({ kind: 'copy-log' }).then(afterCopy, afterCopy);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    // Who waits for the end must not see the process end before.
    this.#worker?.ref();
    await this.#worker?.terminate();
  }

  #ask(what: MaintenanceTask): Promise<unknown> {
    const worker = this.#start();
    const task = this.#next++;
    return new Promise((resolve, reject) => {
      this.#open.set(task, { resolve, reject });
      // Only open tasks keep the process alive.
      worker.ref();
      worker.postMessage({ task, what });
    });
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./maintenance-worker.ts', import.meta.url), {
      workerData: { file: this.#file },
      // State roots stream; V8 must not let their garbage pile up.
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 64 },
    });
    worker.unref();
    worker.on('message', ({ task, value, error }: MaintenanceAnswer) => {
      const open = this.#open.get(task);
      this.#open.delete(task);
      // At the end somebody waits for the thread's own, which an answer on its way must not undo.
      if (this.#open.size === 0 && !this.#ended) worker.unref();
      if (error === undefined) open?.resolve(value);
      else open?.reject(new LedgerError('storage-failed', error));
    });
    worker.on('error', () => void worker.terminate());
    worker.on('exit', () => {
      this.#worker = undefined;
      for (const { reject } of this.#open.values()) reject(new LedgerError('stopped', 'the maintenance thread ended'));
      this.#open.clear();
    });
    this.#worker = worker;
    return worker;
  }
}
