import { sql } from 'kysely';
import type { Store } from '../store/database.ts';
import { type Prepared, prepareQuery } from '../store/prepared.ts';
import type { BatchState, RecordStatus } from '../store/schema.ts';
import type { SearchEntryTable } from '../store/search-schema.ts';
import type { StoredRecord } from '../vault-types.ts';
import type { SearchPlan } from './plan.ts';
import { nameOf, namesOf, type SearchIndex, TOKEN_BYTES } from './search-index.ts';

/** Entries that one look at the index gives. */
const PAGE = 256;
/** A group of more terms is looked for in what another found, if there is another. */
const DRIVING_TERMS_MAX = 16;
/** Groups with so many entries are all alike: counting further costs more than it saves. */
const COUNT_MAX = 64;
/** Of a few tokens each is looked for; of many a set is made. */
const FEW_TOKENS = 4;

/** A committed current version that may match. */
export interface Candidate extends Pick<SearchEntryTable, 'entry' | 'version' | 'recordId' | 'shard'> {
  readonly leafHash: string;
}

type Row = Omit<Candidate, 'shard'> & Pick<SearchEntryTable, 'tokens'>;

/** Finds in the index what has a token of every group. */
export class Candidates {
  readonly #index: SearchIndex;
  readonly #page: Prepared<Row>;
  readonly #count: Prepared<{ readonly count: number }>;
  readonly #version: Prepared<Pick<SearchEntryTable, 'entry' | 'shard'>>;
  readonly #nextShard: Prepared<{ readonly shard: number }>;
  readonly #last: Prepared<{ readonly entry: number }>;

  constructor({ store, searchIndex }: { readonly store: Store; readonly searchIndex: SearchIndex }) {
    this.#index = searchIndex;
    const { read } = store;
    const token = new Uint8Array();
    this.#page = prepareQuery(
      read,
      read
        .selectFrom('searchToken')
        .innerJoin('searchEntry', 'searchEntry.entry', 'searchToken.entry')
        .innerJoin('record', (join) =>
          join
            .onRef('record.recordId', '=', 'searchEntry.recordId')
            .onRef('record.version', '=', 'searchEntry.version'),
        )
        .innerJoin('batch', 'batch.batchId', 'record.batchId')
        .select(['searchEntry.entry', 'searchEntry.version', 'searchEntry.recordId', 'searchEntry.tokens'])
        .select('record.leafHash')
        .where('record.status', '=', sql.lit<RecordStatus>('current'))
        .where('batch.state', '=', sql.lit<BatchState>('committed'))
        .where('searchToken.shard', '=', 0)
        .where('searchToken.token', '=', token)
        .where('searchToken.entry', '>', 0)
        .where('searchToken.entry', '<=', 0)
        .orderBy('searchToken.entry')
        .limit(sql.lit(PAGE)),
    );
    this.#count = prepareQuery(
      read,
      read
        .selectFrom(
          read
            .selectFrom('searchToken')
            .select('entry')
            .where('shard', '=', 0)
            .where('token', '=', token)
            .where('entry', '>', 0)
            .limit(sql.lit(COUNT_MAX))
            .as('counted'),
        )
        .select(({ fn }) => fn.countAll<number>().as('count')),
    );
    this.#version = prepareQuery(
      read,
      read.selectFrom('searchEntry').select(['entry', 'shard']).where('recordId', '=', '').where('version', '=', 0),
    );
    this.#nextShard = prepareQuery(
      read,
      read.selectFrom('searchEntry').select('shard').where('shard', '>', 0).orderBy('shard').limit(sql.lit(1)),
    );
    this.#last = prepareQuery(
      read,
      read.selectFrom('searchEntry').select('entry').orderBy('entry', 'desc').limit(sql.lit(1)),
    );
  }

  /** Number of the last entry: what comes into the index later is not in a search that began before. */
  async lastEntry(): Promise<number> {
    return (await this.#last())[0]?.entry ?? 0;
  }

  /** Shards that have entries, ascending. */
  async shards(): Promise<readonly number[]> {
    return this.#index.knownShards(async () => {
      const shards: number[] = [];
      for (let shard = -1; ; shards.push(shard)) {
        const next = (await this.#nextShard(shard))[0]?.shard;
        if (next === undefined) return shards;
        shard = next;
      }
    });
  }

  /** Where a current version stands, undefined when it is in no index. */
  async find({ recordId, version, leafHash }: StoredRecord): Promise<Candidate | undefined> {
    const [row] = await this.#version(recordId, version);
    return row === undefined ? undefined : { ...row, recordId, version, leafHash };
  }

  /** Those of one shard by their numbers, after `after` and up to `last`. An empty group has nothing. */
  async *list(
    shard: number,
    { groups, common }: Pick<SearchPlan, 'groups' | 'common'>,
    { after, last }: { readonly after: number; readonly last: number },
  ): AsyncGenerator<Candidate> {
    const tokensOf = (terms: readonly string[]) => terms.map((term) => this.#index.tokenOf(shard, term));
    const tokens = groups.map(tokensOf);
    const driver = await this.#driverOf(shard, tokens, after);
    if (driver === undefined || driver.length === 0) return;
    const others = [...tokens.filter((group) => group !== driver), ...common.map(tokensOf)].map(hasOneOf);
    for (let from = after; ; ) {
      const { rows, end } = await this.#rowsOf(shard, driver, from, last);
      for (const { tokens: own, ...row } of rows) {
        if (others.every((holds) => holds(own))) yield { ...row, shard };
      }
      if (end === undefined) return;
      from = end;
    }
  }

  /** The group with the fewest entries. */
  async #driverOf(
    shard: number,
    groups: readonly (readonly Uint8Array[])[],
    after: number,
  ): Promise<readonly Uint8Array[] | undefined> {
    const byLength = [...groups].sort((a, b) => a.length - b.length);
    const driving = byLength.filter((group, at) => at === 0 || group.length <= DRIVING_TERMS_MAX);
    if (driving.length === 1) return driving[0];
    let best: { readonly group: readonly Uint8Array[]; readonly count: number } | undefined;
    for (const group of driving) {
      let count = 0;
      for (const token of group) {
        if (best !== undefined && count >= best.count) break;
        count += Number((await this.#count(shard, token, after))[0]?.count ?? 0);
      }
      if (best === undefined || count < best.count) best = { group, count };
      if (best.count === 0) break;
    }
    return best?.group;
  }

  /** A page of the rows of several tokens, merged; `end`: there may be more after this entry. */
  async #rowsOf(
    shard: number,
    tokens: readonly Uint8Array[],
    after: number,
    last: number,
  ): Promise<{ readonly rows: readonly Row[]; readonly end: number | undefined }> {
    const rows: Row[] = [];
    let end: number | undefined;
    for (const token of tokens) {
      const found = await this.#page(shard, token, after, last);
      for (const row of found) rows.push(row);
      if (found.length < PAGE) continue;
      const reached = found.at(-1)?.entry ?? last;
      end = end === undefined ? reached : Math.min(end, reached);
    }
    if (tokens.length === 1) return { rows, end };
    rows.sort((a, b) => a.entry - b.entry || a.version - b.version);
    const merged = rows.filter((row, at) => {
      const before = rows[at - 1];
      const isTwin = before?.entry === row.entry && before.version === row.version;
      return !isTwin && (end === undefined || row.entry <= end);
    });
    return { rows: merged, end };
  }
}

/** Has an entry with these tokens one of the group? */
function hasOneOf(group: readonly Uint8Array[]): (tokens: Uint8Array) => boolean {
  if (group.length <= FEW_TOKENS) return (tokens) => group.some((token) => holds(tokens, token));
  const names = new Set(group.map(nameOf));
  return (tokens) => namesOf(tokens).some((name) => names.has(name));
}

function holds(tokens: Uint8Array, token: Uint8Array): boolean {
  const bytes = Buffer.from(tokens.buffer, tokens.byteOffset, tokens.byteLength);
  for (let at = bytes.indexOf(token); at >= 0; at = bytes.indexOf(token, at + 1)) {
    if (at % TOKEN_BYTES === 0) return true;
  }
  return false;
}
