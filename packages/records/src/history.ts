import { fromUtf8 } from '@salus/crypto';
import type { HistoryEntry, HistoryQuery, HistoryResult, HistoryScope, ResourceType } from '@salus/fhir';
import { sql } from 'kysely';
import { inlineAttachments } from './attachment-reference.ts';
import type { Attachments } from './attachments.ts';
import { eventsByOwner, owned } from './audit-by-owner.ts';
import type { HomeAccess } from './care.ts';
import { RecordsError } from './records-error.ts';
import type { VaultCaller } from './repository.ts';
import { type Sight, sightedOf, sightOf } from './sight.ts';
import type { HistoryKind } from './store/history-schema.ts';
import type { Store } from './store/index.ts';
import { type Prepared, prepareQuery } from './store/prepared.ts';
import type { AuditLog, CiphertextReader, Clock, RecordRows, StoredRecord } from './vault-types.ts';

export const HISTORY_COUNT_MAX = 200;
/** Entries that one page looks at: a page of what the caller sees may be short, and still has a next one. */
export const HISTORY_LOOKS_MAX = 2_000;
const ROWS_AT_ONCE = 100;
/** Times of rows follow their order but for writes that were under way at once. */
const DISORDER_MS = 5 * 60 * 1000;
const CURSOR = /^[1-9][0-9]{0,15}$/;

type Parts = {
  readonly store: Store;
  readonly organisation: string;
  readonly rows: RecordRows;
  readonly ciphertext: CiphertextReader;
  readonly attachments: Attachments;
  readonly access: HomeAccess;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly demandReleasing: () => void;
};

type Row = {
  readonly seq: number;
  readonly kind: HistoryKind;
  readonly recordId: string;
  readonly version: number;
  readonly atMs: number;
};
type Seen = { readonly row: Row; readonly record: StoredRecord };
type Page = { readonly seen: readonly Seen[]; readonly next: string | undefined };

/** What happened, newest first: of one resource, of a type, of all. Decided for each entry, and logged as read before it leaves. */
export class History {
  readonly #parts: Parts;
  readonly #ofAll: Prepared<Row>;
  readonly #ofRecord: Prepared<Row>;
  readonly #after: Prepared<Pick<Row, 'atMs'>>;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { read } = parts.store;
    const committed = read
      .selectFrom('history')
      .innerJoin('batch', 'batch.batchId', 'history.batchId')
      .select(['history.seq', 'history.kind', 'history.recordId', 'history.version', 'history.atMs'])
      .where('batch.state', '=', sql.lit('committed'));
    const page = committed.where('history.seq', '<', 0).orderBy('history.seq', 'desc').limit(sql.lit(ROWS_AT_ONCE));
    this.#ofAll = prepareQuery(read, page);
    this.#ofRecord = prepareQuery(
      read,
      committed
        .where('history.recordId', '=', '')
        .where('history.seq', '<', 0)
        .orderBy('history.seq', 'desc')
        .limit(sql.lit(ROWS_AT_ONCE)),
    );
    this.#after = prepareQuery(
      read,
      committed
        .clearSelect()
        .select('history.atMs')
        .where('history.recordId', '=', '')
        .where('history.seq', '>', 0)
        .orderBy('history.seq')
        .limit(sql.lit(1)),
    );
  }

  async list(caller: VaultCaller, scope: HistoryScope, query: HistoryQuery): Promise<HistoryResult> {
    try {
      this.#parts.demandReleasing();
      const sight = sightOf(this.#parts, caller);
      const one = scope.id === undefined ? undefined : await this.#parts.rows.findResource(scope.type, scope.id);
      if (scope.id !== undefined) {
        if (one === undefined) return { kind: 'not-found' };
        const decision = await sight.decide(sightedOf(one));
        if (decision.kind === 'denied') {
          await this.#log(caller, sight, [one], 'refusal', decision.reason);
          return { kind: 'refused', code: 'denied' };
        }
      }
      const page = await this.#page(sight, { type: scope.type, recordId: one?.recordId }, query);
      const [entries] = await Promise.all([
        Promise.all(page.seen.map((seen) => this.#entryOf(seen))),
        this.#log(
          caller,
          sight,
          page.seen.map(({ record }) => record),
          'read',
          'ok',
        ),
      ]);
      return { kind: 'found', entries, next: page.next };
    } catch (error) {
      if (!(error instanceof RecordsError) || error.code === 'corrupt') throw error;
      return { kind: 'refused', code: error.code };
    }
  }

  async #page(
    sight: Sight,
    scope: { readonly type: ResourceType | undefined; readonly recordId: string | undefined },
    query: HistoryQuery,
  ): Promise<Page> {
    const count = Math.max(1, Math.min(HISTORY_COUNT_MAX, query.count));
    const seen: Seen[] = [];
    let before = firstCursor(query);
    for (let looks = 0; looks < HISTORY_LOOKS_MAX; looks += ROWS_AT_ONCE) {
      const rows = await this.#rowsBefore(scope.recordId, before);
      for (const row of rows) {
        if (query.sinceMs !== undefined && row.atMs < query.sinceMs - DISORDER_MS) return { seen, next: undefined };
        // One more than asked: else a last page would promise another.
        const found = await this.#see(sight, scope.type, row, query);
        if (found === undefined) {
          before = row.seq;
          continue;
        }
        if (seen.length === count) return { seen, next: String(before) };
        seen.push(found);
        before = row.seq;
      }
      if (rows.length < ROWS_AT_ONCE) return { seen, next: undefined };
    }
    return { seen, next: String(before) };
  }

  #rowsBefore(recordId: string | undefined, before: number): Promise<readonly Row[]> {
    return recordId === undefined ? this.#ofAll(before) : this.#ofRecord(recordId, before);
  }

  async #see(
    sight: Sight,
    type: ResourceType | undefined,
    row: Row,
    { sinceMs, at }: HistoryQuery,
  ): Promise<Seen | undefined> {
    if (sinceMs !== undefined && row.atMs < sinceMs) return undefined;
    if (at !== undefined && !(await this.#wasCurrent(row, at))) return undefined;
    const record = await this.#parts.rows.findRecord(row.recordId, row.version);
    if (record === undefined || (type !== undefined && record.meta.type !== type)) return undefined;
    return (await sight.decide(sightedOf(record))).kind === 'allowed' ? { row, record } : undefined;
  }

  /** From when it came to be until the next thing happened to its record. */
  async #wasCurrent({ kind, recordId, seq, atMs }: Row, at: NonNullable<HistoryQuery['at']>): Promise<boolean> {
    if (kind === 'delete' || atMs > at.toMs) return false;
    const [next] = await this.#after(recordId, seq);
    return next === undefined || next.atMs > at.fromMs;
  }

  async #entryOf({ row, record }: Seen): Promise<HistoryEntry> {
    const { kind, atMs, version } = row;
    const { type, id } = record.meta;
    const entry = { kind, type: type as ResourceType, id, versionId: String(version), atMs };
    if (kind === 'delete' || record.status === 'tombstoned') return entry;
    const { ciphertext, attachments } = this.#parts;
    const text = fromUtf8(await ciphertext.readPlaintext(record));
    return { ...entry, text: await inlineAttachments(attachments, text) };
  }

  /** One event for each owner, so that every patient sees who looked at what about them. */
  async #log(
    caller: VaultCaller,
    { who, purpose }: Sight,
    records: readonly StoredRecord[],
    kind: 'read' | 'refusal',
    outcome: string,
  ): Promise<void> {
    const { audit, clock } = this.#parts;
    const grant = caller.kind === 'app' ? caller.grant : null;
    const events = eventsByOwner(records.map(owned), { kind, atMs: clock(), who, purpose, grant, outcome });
    await Promise.all(events.map((event) => audit.append(event)));
  }
}

function firstCursor({ cursor }: HistoryQuery): number {
  if (cursor === undefined) return Number.MAX_SAFE_INTEGER;
  if (!CURSOR.test(cursor)) throw new RecordsError('bad-input', 'the page is not one that this history named');
  return Number(cursor);
}
