import type { AppliedTransaction } from './applied.ts';

type Waiter = { resolve(applied: AppliedTransaction): void; reject(reason: unknown): void };

/** Who waits for which Fabric transaction; each is forgotten when it is answered, or no longer wants to know. */
export class TransactionWaiters {
  readonly #waiters = new Map<string, Set<Waiter>>();

  /** Rejects with the signal's reason. */
  wait(txId: string, signal: AbortSignal): Promise<AppliedTransaction> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const { promise, resolve, reject } = Promise.withResolvers<AppliedTransaction>();
    const waiters = this.#waiters.get(txId) ?? new Set();
    const forget = (): void => {
      signal.removeEventListener('abort', abort);
      waiters.delete(waiter);
      if (waiters.size === 0) this.#waiters.delete(txId);
    };
    const abort = (): void => waiter.reject(signal.reason);
    const waiter: Waiter = {
      resolve: (applied) => {
        forget();
        resolve(applied);
      },
      reject: (reason) => {
        forget();
        reject(reason as Error);
      },
    };
    signal.addEventListener('abort', abort, { once: true });
    waiters.add(waiter);
    this.#waiters.set(txId, waiters);
    return promise;
  }

  tell(applied: readonly AppliedTransaction[]): void {
    for (const transaction of applied) {
      for (const waiter of [...(this.#waiters.get(transaction.txId) ?? [])]) waiter.resolve(transaction);
    }
  }

  rejectAll(reason: Error): void {
    for (const waiters of [...this.#waiters.values()]) for (const waiter of [...waiters]) waiter.reject(reason);
  }
}
