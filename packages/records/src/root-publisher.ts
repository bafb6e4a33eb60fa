import { type LogRootFact, logRootKey, type SignedCall } from '@salus/contracts';
import { type Json, randomBytes, toBase64url } from '@salus/crypto';
import { sql } from 'kysely';
import type { AuditJournal } from './audit.ts';
import { type NodeIdentity, signNodeCall } from './node-call.ts';
import { RecordsError } from './records-error.ts';
import { COVER_KIND } from './row-entry.ts';
import { rowsLog } from './rows-log.ts';
import type { Store } from './store/index.ts';
import { type Prepared, prepareQuery } from './store/prepared.ts';
import { LOG_NAMES, type LogName, readLogGrowth, readLogHead } from './tree-log.ts';

/** An event is rooted at latest one interval and one block after it became durable: within the second of DESIGN §5. */
export const ROOT_INTERVAL_MS = 400;
/** By so many entries each log grows on the ledger when every member answers (ADR 0002). */
export const COVER_ENTRIES = { audit: 8, rows: 2 } as const satisfies Record<LogName, number>;
const COVER_KEY_BYTES = 16;
/** A clock that was set, or a machine that slept, may pass a call's `notAfter` while it waits: so often a root is signed. */
const SIGNED_MAX = 3;

/** What a grantee writes when it takes a token, and when it keeps what it read: alone no reason to root. */
const QUIET_ROWS = ['grantToken', COVER_KIND];
const QUIET_DOCUMENTS = '["kept-record",%';

export interface RootLedger {
  get(key: string): Promise<Json | undefined>;
  submit(
    call: SignedCall,
  ): Promise<{ readonly kind: 'committed' } | { readonly kind: 'refused'; readonly code: string }>;
}

export interface RootPublisherOptions extends NodeIdentity {
  readonly store: Store;
  readonly audit: Pick<AuditJournal, 'loudSize' | 'cover'>;
  readonly ledger: RootLedger;
  readonly organisation: string;
  readonly intervalMs?: number;
  /** Told of every failure; the next interval tries again. */
  readonly onFailure: (error: unknown) => void;
}

/** Everything; what is not quiet, with all before it; or as many entries as every member roots when it answers. */
type Extent = 'all' | 'loud' | 'cover';

/**
 * Brings the roots of the audit and rows logs to the ledger. It looks at the committed rows at every interval instead of
 * being told, so that neither an undone transaction nor a crash can make it root what is not there or forget what is.
 */
export class RootPublisher implements AsyncDisposable {
  readonly #options: RootPublisherOptions;
  readonly #timer: NodeJS.Timeout;
  /** Sizes of the logs when this process first looked: whatever was there is rooted without waiting for others. */
  readonly #sizesAtStart = new Map<LogName, number>();
  readonly #lastLoudRow: Prepared<{ readonly seq: number }>;
  #running: Promise<void> = Promise.resolve();
  #isTicking = false;

  constructor(options: RootPublisherOptions) {
    this.#options = options;
    this.#lastLoudRow = prepareLastLoudRow(options.store);
    this.#timer = setInterval(() => {
      if (this.#isTicking) return;
      this.#isTicking = true;
      this.#root('loud')
        .catch(options.onFailure)
        .finally(() => {
          this.#isTicking = false;
        });
    }, options.intervalMs ?? ROOT_INTERVAL_MS);
    this.#timer.unref();
  }

  /**
   * Resolves when everything that was durable at the call is rooted, or the ledger has moved; rejects with `ledger-refused` or the
   * port's error.
   */
  publish(): Promise<void> {
    return this.#root('all');
  }

  /** Roots `COVER_ENTRIES` more of each log: what is quiet comes first, then entries that say nothing. Codes as `publish`. */
  cover(): Promise<void> {
    return this.#root('cover');
  }

  /** Roots what is left. Called when nothing is appended any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.publish();
  }

  /** One after the other: each goes on from the root of the one before. */
  #root(extent: Extent): Promise<void> {
    const before = this.#running.catch(() => undefined); // Its own caller has heard of that failure.
    this.#running = before.then(async () => {
      // At once, so that both calls share a block and its syncs.
      await Promise.all(LOG_NAMES.map((log) => this.#publishLog(log, extent)));
    });
    return this.#running;
  }

  async #publishLog(log: LogName, extent: Extent): Promise<void> {
    const { store, ledger, organisation } = this.#options;
    const { size: stored } = await readLogHead(store.read, log);
    if (!this.#sizesAtStart.has(log)) this.#sizesAtStart.set(log, stored);
    const rooted = (await ledger.get(logRootKey(organisation, log))) as LogRootFact | undefined;
    if (rooted !== undefined && rooted.size > stored) {
      throw new RecordsError('rollback-unnamed', `the ledger has rooted more of the ${log} log than this store holds`);
    }
    const size = await this.#sizeOf(log, extent, { stored, rooted: rooted?.size ?? 0 });
    if (size <= (rooted?.size ?? 0)) return;
    const { root, proof } = await readLogGrowth(store.read, log, rooted?.size ?? 0, size);
    // Not before the disk has them: a root of rows that a power cut took would look like a rollback.
    await store.durable();
    const outcome = await this.#submit({ log, size, root, proof });
    // A ledger that moves takes nothing more: what is left is rooted by the node that goes on with this store on the channel.
    if (outcome.kind === 'refused' && outcome.code !== 'ledger-moved') {
      throw new RecordsError('ledger-refused', `the ledger refused a root of the ${log} log`, { detail: outcome.code });
    }
  }

  async #submit(args: { readonly [key: string]: Json }): ReturnType<RootLedger['submit']> {
    for (let signed = 1; ; signed += 1) {
      const { call } = await signNodeCall(this.#options, { transaction: 'access.root', args });
      const outcome = await this.#options.ledger.submit(call);
      const isLate = outcome.kind === 'refused' && outcome.code === 'not-after-passed';
      if (!isLate || signed === SIGNED_MAX) return outcome;
    }
  }

  /** How many entries the next root is of. */
  async #sizeOf(
    log: LogName,
    extent: Extent,
    { stored, rooted }: { readonly stored: number; readonly rooted: number },
  ): Promise<number> {
    if (extent === 'all') return stored;
    const loud = Math.max(await this.#loudSize(log, rooted), this.#sizesAtStart.get(log) ?? 0);
    if (extent === 'loud') return loud;
    const size = Math.max(rooted + COVER_ENTRIES[log], loud);
    if (size > stored) await this.#append(log, size - stored);
    return size;
  }

  async #loudSize(log: LogName, rooted: number): Promise<number> {
    if (log === 'audit') return this.#options.audit.loudSize;
    const [last] = await this.#lastLoudRow(rooted);
    return last === undefined ? 0 : last.seq + 1;
  }

  async #append(log: LogName, count: number): Promise<void> {
    const { audit, store } = this.#options;
    if (log === 'audit') return audit.cover(count);
    const entries = Array.from({ length: count }, () => {
      return { kind: COVER_KIND, rowKey: toBase64url(randomBytes(COVER_KEY_BYTES)), row: null };
    });
    await store.write((trx) => rowsLog.coverAll(trx, entries));
  }
}

function prepareLastLoudRow({ read }: Store): Prepared<{ readonly seq: number }> {
  return prepareQuery(
    read,
    read
      .selectFrom('rowEntry')
      .select('seq')
      .where('seq', '>=', 0)
      .where('kind', 'not in', QUIET_ROWS.map(sql.lit))
      .where(({ eb, or }) => {
        return or([eb('kind', '!=', sql.lit('document')), eb('rowKey', 'not like', sql.lit(QUIET_DOCUMENTS))]);
      })
      .orderBy('seq', 'desc')
      .limit(sql.lit(1)),
  );
}
