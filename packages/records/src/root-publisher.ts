import { type LogRootFact, logRootKey, type SignedCall } from '@salus/contracts';
import type { Json } from '@salus/crypto';
import { type NodeIdentity, signNodeCall } from './node-call.ts';
import { RecordsError } from './records-error.ts';
import type { Store } from './store/index.ts';
import { LOG_NAMES, type LogName, readConsistencyProof, readLogHead, readLogRoot } from './tree-log.ts';

/** An event is rooted at latest one interval and one block after it became durable: within the second of DESIGN §5. */
export const ROOT_INTERVAL_MS = 400;

export interface RootLedger {
  get(key: string): Promise<Json | undefined>;
  submit(
    call: SignedCall,
  ): Promise<{ readonly kind: 'committed' } | { readonly kind: 'refused'; readonly code: string }>;
}

export interface RootPublisherOptions extends NodeIdentity {
  readonly store: Store;
  readonly ledger: RootLedger;
  readonly organisation: string;
  readonly intervalMs?: number;
  /** Told of every failure; the next interval tries again. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Brings the roots of the audit and rows logs to the ledger. It looks at the committed rows at every interval instead of
 * being told, so that neither an undone transaction nor a crash can make it root what is not there or forget what is.
 */
export class RootPublisher implements AsyncDisposable {
  readonly #options: RootPublisherOptions;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;

  constructor(options: RootPublisherOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      this.publish().catch(options.onFailure);
    }, options.intervalMs ?? ROOT_INTERVAL_MS);
    this.#timer.unref();
  }

  /**
   * Resolves when everything that was durable at the call is rooted, or the ledger has moved; rejects with `ledger-refused` or the
   * port's error.
   */
  async publish(): Promise<void> {
    await this.#running?.catch(() => undefined); // Its own caller has heard of that failure.
    this.#running ??= this.#publishAll().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Roots what is left. Called when nothing is appended any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.publish();
  }

  async #publishAll(): Promise<void> {
    // At once, so that both calls share a block and its syncs.
    await Promise.all(LOG_NAMES.map((log) => this.#publishLog(log)));
  }

  async #publishLog(log: LogName): Promise<void> {
    const { store, ledger, organisation } = this.#options;
    const { size } = await readLogHead(store.read, log);
    const rooted = (await ledger.get(logRootKey(organisation, log))) as LogRootFact | undefined;
    if (rooted !== undefined && rooted.size > size) {
      throw new RecordsError('rollback-unnamed', `the ledger has rooted more of the ${log} log than this store holds`);
    }
    if (size === 0 || rooted?.size === size) return;
    const root = await readLogRoot(store.read, log, size);
    const proof = rooted === undefined ? [] : await readConsistencyProof(store.read, log, rooted.size, size);
    // Not before the disk has them: a root of rows that a power cut took would look like a rollback.
    await store.durable();
    const signed = await signNodeCall(this.#options, { transaction: 'access.root', args: { log, size, root, proof } });
    const outcome = await ledger.submit(signed.call);
    // A ledger that moves takes nothing more: what is left is rooted by the node that goes on with this store on the channel.
    if (outcome.kind === 'refused' && outcome.code !== 'ledger-moved') {
      throw new RecordsError('ledger-refused', `the ledger refused a root of the ${log} log`, { detail: outcome.code });
    }
  }
}
