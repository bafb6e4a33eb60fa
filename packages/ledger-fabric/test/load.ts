import { setTimeout as delay } from 'node:timers/promises';
import { LedgerError } from '@salus/ledger';
import { type Consortium, newPatient, type PreparedCall } from '@salus/ledger/consortium';
import type { FabricLedger } from '../src/fabric-ledger.ts';

/** How often a call that was not acknowledged is sent again, and how long a client waits before. */
const RETRIES_MAX = 200;
const RETRY_AFTER_MS = 100;

export type Acknowledged = {
  readonly callId: string;
  readonly block: number;
  /** When its client knew; by `performance.now`. */
  readonly atMs: number;
  /** When the client first sent it. */
  readonly sentMs: number;
  readonly organisation: string;
};

export type Client = { readonly organisation: string; readonly ledger: FabricLedger };

/** Clients that register patients one after the other, each call until it is acknowledged. */
export class Load implements AsyncDisposable {
  readonly acknowledged: Acknowledged[] = [];
  /** Answers other than a commit and `unavailable`: what no client may see. */
  readonly failures: unknown[] = [];
  /** Answers that said: send it again. */
  retries = 0;
  readonly #consortium: Consortium;
  readonly #running: Promise<void>[];
  #stopped = false;

  /** `concurrency` clients at each organisation. */
  constructor(consortium: Consortium, clients: readonly Client[], concurrency: number) {
    this.#consortium = consortium;
    this.#running = clients.flatMap((client) => Array.from({ length: concurrency }, () => this.#run(client)));
  }

  /** Resolves at the first call that is sent and acknowledged from now on; tells the milliseconds that it took. */
  async nextCommit(limitMs: number, organisation?: string): Promise<number> {
    const startMs = performance.now();
    for (;;) {
      const found = this.acknowledged.findLast(
        (one) => one.sentMs >= startMs && (organisation === undefined || one.organisation === organisation),
      );
      if (found !== undefined) return found.atMs - startMs;
      if (performance.now() - startMs > limitMs) throw new Error(`nothing was committed within ${limitMs} ms`);
      await delay(10);
    }
  }

  /** Lets the calls under way come to their end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #run(client: Client): Promise<void> {
    while (!this.#stopped) {
      const call = await this.#consortium.register(newPatient());
      await this.#send(client, call);
    }
  }

  async #send({ organisation, ledger }: Client, { call }: PreparedCall): Promise<void> {
    const sentMs = performance.now();
    for (let attempt = 0; attempt < RETRIES_MAX; attempt++) {
      // What was not acknowledged by the end may be committed or not: nobody was told.
      if (this.#stopped && attempt > 0) return;
      try {
        const result = await ledger.submit(call);
        if (result.kind === 'committed') {
          const { callId, block } = result;
          this.acknowledged.push({ callId, block, atMs: performance.now(), sentMs, organisation });
          return;
        }
        // A full queue says the same as a network that is away.
        if (result.code !== 'overloaded') {
          this.failures.push(result);
          return;
        }
      } catch (error) {
        if (!(error instanceof LedgerError && error.code === 'unavailable')) {
          this.failures.push(error);
          return;
        }
      }
      this.retries += 1;
      await delay(RETRY_AFTER_MS);
    }
    this.failures.push(new Error('a call was sent again and again in vain'));
  }
}
