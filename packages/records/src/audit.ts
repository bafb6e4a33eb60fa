import { fromUtf8, randomBytes, sha256Base64url, toBase64url, utf8 } from '@salus/crypto';
import { sql } from 'kysely';
import { auditContentHash, auditEntryHash, auditEventText, COVER_EVENT, type LoggedEvent } from './audit-entry.ts';
import { BoundedCache } from './bounded-cache.ts';
import type { MasterKey } from './master-key.ts';
import { RecordsError } from './records-error.ts';
import { insertRows, type Store, type StoreTransaction } from './store/index.ts';
import { prepareForTransactions } from './store/prepared.ts';
import { type LogHead, readInclusionProof, readLogHead, readLogRoot, storeCompletedNodes } from './tree-log.ts';
import type { AuditEvent, AuditLog, AuditManner } from './vault-types.ts';

/** Events that share one commit. */
export const AUDIT_GROUP_MAX = 512;
/** Events that wait for a commit; beyond it an event, and so the release that it would log, is refused. */
export const AUDIT_QUEUE_MAX = 10_000;
export const AUDIT_PAGE_MAX = 200;
/** Pids whose last counter is kept at hand; at least as many as events share a commit. */
const PID_COUNTERS_MAX = 10_000;
const SALT_BYTES = 32;

/** One event as its patient sees it, with what proves that the log holds exactly this at this place. */
export interface AuditLine {
  readonly seq: number;
  readonly previous: string | null;
  readonly pidToken: string | null;
  readonly pidSeq: number | null;
  readonly sealedHash: string;
  /** The event's text; SHA-256 over its UTF-8 is the content hash (`audit-entry.ts`). */
  readonly text: string;
  readonly event: AuditEvent;
}

export interface AuditProof {
  readonly index: number;
  readonly size: number;
  readonly root: string;
  readonly proof: readonly string[];
}

export interface AuditQuery {
  /** Only events with a smaller counter (of the pid) or sequence (of the organisation); newest come first. */
  readonly before?: number;
  /** At most `AUDIT_PAGE_MAX`. */
  readonly limit: number;
}

type Waiting = {
  readonly event: LoggedEvent;
  readonly isQuiet: boolean;
  readonly resolve: (value: { readonly seq: number }) => void;
  readonly reject: (reason: unknown) => void;
};

/**
 * The organisation's audit log: rows chained by hash, counted per pid, sealed under the organisation's key, each a leaf
 * of a tree whose root the ledger holds.
 */
export class AuditJournal implements AuditLog {
  readonly #store: Store;
  readonly #masterKey: MasterKey;
  #waiting: Waiting[] = [];
  #flushing = false;
  /** Where the durable log ends, while this journal, its only writer, knows: forgotten when a commit fails. */
  #end: LogEnd | undefined;
  #loudSize = 0;
  readonly #listeners = new Set<(event: AuditEvent) => void>();

  constructor(store: Store, masterKey: MasterKey) {
    this.#store = store;
    this.#masterKey = masterKey;
  }

  /** Resolves when the event is durable; `overloaded` when too many wait, else with what the store threw. */
  append(event: AuditEvent, { isQuiet = false }: AuditManner = {}): Promise<{ readonly seq: number }> {
    return this.#append(event, isQuiet);
  }

  /** Called after an event is durable. Returns how to end it. */
  listen(listener: (event: AuditEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #append(event: LoggedEvent, isQuiet: boolean): Promise<{ readonly seq: number }> {
    if (this.#waiting.length >= AUDIT_QUEUE_MAX) {
      return Promise.reject(new RecordsError('overloaded', `more than ${AUDIT_QUEUE_MAX} audit events are waiting`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly seq: number }>();
    this.#waiting.push({ event, isQuiet, resolve, reject });
    if (!this.#flushing) {
      this.#flushing = true;
      void this.#flush();
    }
    return promise;
  }

  /** The log's size right after the last event of this process that was not quiet; 0 while there was none. */
  get loudSize(): number {
    return this.#loudSize;
  }

  /** Appends quiet entries that say nothing. */
  async cover(count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.#append(COVER_EVENT, true)));
  }

  /** A patient's own events, newest first: `pidSeq` runs down without a gap, so that none can be left out unseen. */
  async listOfPid(pid: string, query: AuditQuery): Promise<readonly AuditLine[]> {
    const rows = await this.#store.read
      .selectFrom('auditEvent')
      .selectAll()
      .where('pidToken', '=', this.#masterKey.token('pid', pid))
      .where('pidSeq', '<', query.before ?? Number.MAX_SAFE_INTEGER)
      .orderBy('pidSeq', 'desc')
      .limit(pageSize(query.limit))
      .execute();
    return Promise.all(rows.map((row) => this.#line(row)));
  }

  /**
   * Every event that says something, newest first, for the organisation's own review and for the cross-check of two
   * organisations.
   */
  async list(query: AuditQuery): Promise<readonly AuditLine[]> {
    const limit = pageSize(query.limit);
    const lines: AuditLine[] = [];
    let before = query.before ?? Number.MAX_SAFE_INTEGER;
    for (;;) {
      const rows = await this.#store.read
        .selectFrom('auditEvent')
        .selectAll()
        .where('seq', '<', before)
        .orderBy('seq', 'desc')
        .limit(limit)
        .execute();
      const page = await Promise.all(rows.map((row) => this.#line(row)));
      lines.push(...page.filter(({ event }: { readonly event: LoggedEvent }) => event.kind !== COVER_EVENT.kind));
      const last = rows.at(-1);
      if (lines.length >= limit || last === undefined || rows.length < limit) return lines.slice(0, limit);
      before = last.seq;
    }
  }

  /** Proves a line to whoever reads the root for `size` on the ledger; the event lies before it (seq < size). */
  async prove(seq: number, size: number): Promise<AuditProof> {
    const { size: stored } = await readLogHead(this.#store.read, 'audit');
    if (!Number.isSafeInteger(seq) || seq < 0 || seq >= size || size > stored) {
      throw new RecordsError('not-found', 'the audit log had no such event at that size');
    }
    const [root, proof] = await Promise.all([
      readLogRoot(this.#store.read, 'audit', size),
      readInclusionProof(this.#store.read, 'audit', seq, size),
    ]);
    return { index: seq, size, root, proof };
  }

  async #line(row: AuditRow): Promise<AuditLine> {
    const text = fromUtf8(this.#masterKey.open('audit-event', row.seq, row.sealed));
    if (auditContentHash(text) !== row.contentHash) {
      throw new RecordsError('corrupt', `audit event ${row.seq} is not the text that was logged`);
    }
    const previous = row.seq === 0 ? null : await this.#hashAt(row.seq - 1);
    const { seq, pidToken, pidSeq } = row;
    return { seq, previous, pidToken, pidSeq, sealedHash: hashOf(row.sealed), text, event: parseEvent(text) };
  }

  async #hashAt(seq: number): Promise<string> {
    const row = await this.#store.read
      .selectFrom('auditEvent')
      .select('hash')
      .where('seq', '=', seq)
      .executeTakeFirst();
    if (row === undefined) throw new RecordsError('corrupt', `audit event ${seq} is missing`);
    return row.hash;
  }

  #tell(group: readonly Waiting[]): void {
    for (const { event } of group) {
      if (event.kind === COVER_EVENT.kind) continue;
      for (const listener of this.#listeners) listener(event);
    }
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group: Waiting[] = [];
      try {
        const { first, end } = await this.#store.append(async (trx) => {
          // Taken here and not before: whoever arrived while the store was busy shares this commit.
          group.push(...this.#waiting.splice(0, AUDIT_GROUP_MAX));
          const events = group.map((waiting) => waiting.event);
          return insertEvents(trx, this.#masterKey, this.#end ?? (await readEnd(trx)), events);
        });
        this.#end = end;
        const lastLoud = group.findLastIndex(({ isQuiet }) => !isQuiet);
        if (lastLoud >= 0) this.#loudSize = first + lastLoud + 1;
        group.forEach((waiting, at) => {
          waiting.resolve({ seq: first + at });
        });
        this.#tell(group);
      } catch (error) {
        this.#end = undefined;
        // The store refused before it ran the group: nobody may wait for ever.
        const refused = group.length > 0 ? group : this.#waiting.splice(0);
        for (const waiting of refused) waiting.reject(error);
      }
    }
    this.#flushing = false;
  }
}

type AuditRow = {
  readonly seq: number;
  readonly pidToken: string | null;
  readonly pidSeq: number | null;
  readonly sealed: Uint8Array;
  readonly contentHash: string;
  readonly hash: string;
};

/** Where the log ends, and the last counters of pids whose events came lately. */
interface LogEnd extends LogHead {
  readonly pidSeqs: BoundedCache<number>;
}

async function readEnd(trx: StoreTransaction): Promise<LogEnd> {
  return { ...(await readLogHead(trx, 'audit')), pidSeqs: new BoundedCache(PID_COUNTERS_MAX) };
}

/** Appends to the chain inside one transaction; returns the first sequence number and where the log ends then. */
async function insertEvents(
  trx: StoreTransaction,
  masterKey: MasterKey,
  { size, lastHash, pidSeqs }: LogEnd,
  events: readonly LoggedEvent[],
): Promise<{ readonly first: number; readonly end: LogEnd }> {
  const rows: AuditRow[] = [];
  let previous = lastHash;
  for (const [at, event] of events.entries()) {
    const seq = size + at;
    const pidToken = event.pid === null ? null : masterKey.token('pid', event.pid);
    const pidSeq = pidToken === null ? null : await nextPidSeq(trx, pidSeqs, pidToken);
    const text = auditEventText(event, toBase64url(randomBytes(SALT_BYTES)));
    const contentHash = auditContentHash(text);
    const sealed = masterKey.seal('audit-event', seq, utf8(text));
    const hash = auditEntryHash({ seq, previous, pidToken, pidSeq, contentHash, sealedHash: hashOf(sealed) });
    rows.push({ seq, pidToken, pidSeq, sealed, contentHash, hash });
    previous = hash;
  }
  await insertRows(trx, 'auditEvent', rows);
  const hashes = rows.map(({ hash }) => hash);
  await storeCompletedNodes(trx, 'audit', size, hashes);
  return { first: size, end: { size: size + rows.length, lastHash: previous, pidSeqs } };
}

async function nextPidSeq(trx: StoreTransaction, seen: BoundedCache<number>, pidToken: string): Promise<number> {
  const next = (seen.find(pidToken) ?? (await readLastPidSeq(trx, pidToken))) + 1;
  seen.put(pidToken, next);
  return next;
}

const lastOfPid = prepareForTransactions((db) =>
  db.selectFrom('auditEvent').select('pidSeq').where('pidToken', '=', '').orderBy('pidSeq', 'desc').limit(sql.lit(1)),
);

async function readLastPidSeq(trx: StoreTransaction, pidToken: string): Promise<number> {
  const [last] = await lastOfPid(trx, pidToken);
  return last?.pidSeq ?? 0;
}

function hashOf(sealed: Uint8Array): string {
  return sha256Base64url(sealed);
}

function parseEvent(text: string): AuditEvent {
  const {
    version: _version,
    salt: _salt,
    ...event
  } = JSON.parse(text) as AuditEvent & {
    readonly version: string;
    readonly salt: string;
  };
  return event;
}

function pageSize(limit: number): number {
  return Math.max(1, Math.min(AUDIT_PAGE_MAX, Math.trunc(limit)));
}
