import { sql } from 'kysely';
import type { HistoryKind } from './store/history-schema.ts';
import type { Store } from './store/index.ts';
import { type Prepared, prepareQuery } from './store/prepared.ts';
import type { BatchState } from './store/schema.ts';

/** Changes that one look reads. */
export const CHANGES_PAGE_MAX = 500;

/** A version that came to be, or was hidden. Says nothing of what is in it. */
export interface Change {
  /** Where it stands in the order; later ones have greater numbers. */
  readonly seq: number;
  readonly kind: HistoryKind;
  readonly recordId: string;
  readonly version: number;
  readonly atMs: number;
}

type Row = Change & { readonly state: BatchState };

/** What happens to the records of one organisation, in one order that never changes afterwards. */
export class ChangeFeed {
  readonly #after: Prepared<Row>;
  readonly #last: Prepared<Pick<Row, 'seq'>>;
  readonly #listeners = new Set<() => void>();

  constructor({ store }: { readonly store: Store }) {
    const { read } = store;
    const last = read.selectFrom('history').select('seq').orderBy('seq', 'desc').limit(sql.lit(1));
    this.#last = prepareQuery(read, last);
    this.#after = prepareQuery(
      read,
      read
        .selectFrom('history')
        .innerJoin('batch', 'batch.batchId', 'history.batchId')
        .select(['history.seq', 'history.kind', 'history.recordId', 'history.version', 'history.atMs', 'batch.state'])
        .where('history.seq', '>', 0)
        .orderBy('history.seq')
        .limit(sql.lit(CHANGES_PAGE_MAX)),
    );
  }

  /** Called after a batch was committed, or given up: there may be something to read. Returns how to end it. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The number of the last change there is, committed or not; 0 before the first. */
  async head(): Promise<number> {
    const [row] = await this.#last();
    return row?.seq ?? 0;
  }

  /**
   * Committed changes after a number, up to the first whose batch is still under way: what comes after it waits, so that
   * nobody who goes on from the last one misses it.
   */
  async read(after: number): Promise<readonly Change[]> {
    const rows = await this.#after(after);
    const open = rows.findIndex(({ state }) => state !== 'committed');
    return (open === -1 ? rows : rows.slice(0, open)).map(({ state: _state, ...change }) => change);
  }
}
