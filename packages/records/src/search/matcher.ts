import {
  type Filter,
  matchesFilter,
  type OwnFilter,
  ownerRuleOf,
  type ResourceType,
  type SearchRequest,
  searchableValues,
  searchParametersOf,
} from '@salus/fhir';
import type { Attachments } from '../attachments.ts';
import type { Patients } from '../patients.ts';
import { RecordsError } from '../records-error.ts';
import { type Sight, type SightDecision, sightedOf } from '../sight.ts';
import type { Store } from '../store/database.ts';
import type { CiphertextReader, Clock, Owner, RecordRows, StoredRecord } from '../vault-types.ts';
import { type Candidate, Candidates } from './candidates.ts';
import { type Opened, OpenedRecords } from './opened-records.ts';
import { IDS_MAX, planOf, type SearchPlan } from './plan.ts';
import type { SearchIndex } from './search-index.ts';
import type { FoundRecord } from './search-types.ts';

/** Candidates that one page, one sorting or one count looks into; what needs more is refused. */
const CANDIDATES_MAX = 10_000;
/** Longest chain of searches within searches (a chain, `_has`, `_revinclude`). */
const DEPTH_MAX = 8;

export type MatcherParts = {
  readonly store: Store;
  readonly searchIndex: SearchIndex;
  readonly rows: RecordRows;
  readonly ciphertext: CiphertextReader;
  readonly attachments: Attachments;
  readonly patients: Patients;
  readonly organisation: string;
  readonly clock: Clock;
  /** `CANDIDATES_MAX` unless a test has fewer. */
  readonly candidatesMax?: number;
};

/** A match with where it stands. */
export interface Match extends Opened {
  readonly shard: number;
  readonly entry: number;
}

/** What one page spends and remembers. */
export interface Looking {
  readonly sight: Sight;
  readonly nowMs: number;
  /** The last entry that counts. */
  readonly last: number;
  candidates: number;
  /** Decisions that rest on owner and pair alone. */
  readonly decisions: Map<string, SightDecision>;
}

/** Where a match stands: matches are listed by shard, and by entry within it. */
export interface Place {
  readonly shard: number;
  readonly entry: number;
}

/** Before everything. */
export const START: Place = { shard: -1, entry: 0 };

export function comparePlaces(a: Place, b: Place): number {
  return a.shard - b.shard || a.entry - b.entry;
}

/**
 * What matches: tokens pre-select, what may not be seen falls out before it is opened, and the rest is opened and compared with
 * what was asked.
 */
export class Matcher {
  readonly #parts: MatcherParts;
  readonly #candidates: Candidates;
  readonly #opened: OpenedRecords;

  constructor(parts: MatcherParts) {
    this.#parts = parts;
    this.#candidates = new Candidates(parts);
    this.#opened = new OpenedRecords(parts);
  }

  /** Begins a page; `last`: of the first page of the same search. */
  async look(sight: Sight, last: number | undefined): Promise<Looking> {
    const nowMs = this.#parts.clock();
    return { sight, nowMs, last: last ?? (await this.#candidates.lastEntry()), candidates: 0, decisions: new Map() };
  }

  /** At most `limit`; `depth` counts searches within searches. */
  async matchesOf(
    looking: Looking,
    request: Pick<SearchRequest, 'type' | 'filters'>,
    limit: number,
    depth: number,
  ): Promise<readonly Match[]> {
    const plan = await this.planOf(looking, request, undefined, depth);
    const found: Match[] = [];
    if (plan === undefined) return found;
    for await (const match of this.matches(looking, request.type, plan, START)) {
      found.push(match);
      if (found.length >= limit) break;
    }
    return found;
  }

  /** A resource by its reference when it is current and may be seen. */
  async findVisible(looking: Looking, type: string, id: string): Promise<FoundRecord | undefined> {
    const record = await this.#parts.rows.findResource(type, id);
    if (record?.status !== 'current' || !(await this.#maySee(looking, record))) return undefined;
    return this.#opened.found(record);
  }

  found(record: StoredRecord): Promise<FoundRecord> {
    return this.#opened.found(record);
  }

  /** undefined: nothing can match. */
  async planOf(
    looking: Looking,
    request: Pick<SearchRequest, 'type' | 'filters'>,
    within: readonly OwnFilter[] | undefined,
    depth: number,
  ): Promise<SearchPlan | undefined> {
    const own: OwnFilter[] = [];
    for (const filter of request.filters) {
      const followed = await this.#follow(looking, request.type, filter, depth);
      if (followed === undefined) return undefined;
      own.push(followed);
    }
    const { patients } = this.#parts;
    return planOf({ sight: looking.sight, patients, nowMs: looking.nowMs }, request, own, within);
  }

  /** What matches and may be seen, by shard and entry, after a place. */
  async *matches(looking: Looking, type: ResourceType, plan: SearchPlan, after: Place): AsyncGenerator<Match> {
    for await (const candidate of this.#candidatesOf(looking, type, plan, after)) {
      looking.candidates += 1;
      if (looking.candidates > (this.#parts.candidatesMax ?? CANDIDATES_MAX)) throw tooCostly();
      const record = await this.#recordOf(candidate);
      if (record === undefined || !(await this.#maySee(looking, record))) continue;
      const opened = await this.#opened.open(record);
      if (!holds(plan, opened, looking.nowMs)) continue;
      yield { ...opened, shard: candidate.shard, entry: candidate.entry };
    }
  }

  /** A chain or `_has` becomes the references or ids that it leads to; undefined when it leads to nothing. */
  async #follow(looking: Looking, type: ResourceType, filter: Filter, depth: number): Promise<OwnFilter | undefined> {
    if (filter.kind === 'values' || filter.kind === 'missing') return filter;
    if (depth >= DEPTH_MAX) throw tooCostly();
    if (filter.kind === 'chain') {
      const alternatives: { kind: 'reference'; type: ResourceType; id: string }[] = [];
      for (const { type: target, filter: inner } of filter.links) {
        const found = await this.matchesOf(looking, { type: target, filters: [inner] }, IDS_MAX + 1, depth + 1);
        for (const { record } of found) alternatives.push({ kind: 'reference', type: target, id: record.meta.id });
        if (alternatives.length > IDS_MAX) throw tooCostly();
      }
      if (alternatives.length === 0) return undefined;
      return { kind: 'values', parameter: filter.parameter, modifier: undefined, alternatives };
    }
    const found = await this.matchesOf(
      looking,
      { type: filter.type, filters: [filter.filter] },
      CANDIDATES_MAX,
      depth + 1,
    );
    const ids = new Set<string>();
    for (const { tree } of found) {
      for (const value of searchableValues(tree, filter.parameter)) {
        if (value.kind === 'reference' && value.type === type && value.id !== undefined) ids.add(value.id);
      }
    }
    if (ids.size > IDS_MAX) throw tooCostly();
    const parameter = searchParametersOf(type).get('_id');
    if (ids.size === 0 || parameter === undefined) return undefined;
    const alternatives = [...ids].map((id) => ({ kind: 'token', system: undefined, code: id }) as const);
    return { kind: 'values', parameter, modifier: undefined, alternatives };
  }

  /** A row's sealed part never changes: it is opened once. */
  async #recordOf({ recordId, version, leafHash }: Candidate): Promise<StoredRecord | undefined> {
    return this.#opened.find(leafHash)?.record ?? this.#parts.rows.findRecord(recordId, version);
  }

  async *#candidatesOf(
    looking: Looking,
    type: ResourceType,
    plan: SearchPlan,
    after: Place,
  ): AsyncGenerator<Candidate> {
    if (plan.ids !== undefined) {
      yield* await this.#byIds(looking, type, plan.ids, after);
      return;
    }
    for (const shard of await this.#shardsOf(type, plan.owners)) {
      if (shard < after.shard) continue;
      const from = shard === after.shard ? after.entry : 0;
      yield* this.#candidates.list(shard, plan, { after: from, last: looking.last });
    }
  }

  async #byIds(
    looking: Looking,
    type: ResourceType,
    ids: readonly string[],
    after: Place,
  ): Promise<readonly Candidate[]> {
    const found: Candidate[] = [];
    for (const id of new Set(ids)) {
      const record = await this.#parts.rows.findResource(type, id);
      if (record?.status !== 'current') continue;
      const candidate = await this.#candidates.find(record);
      if (candidate === undefined || candidate.entry > looking.last) continue;
      if (comparePlaces(candidate, after) > 0) found.push(candidate);
    }
    return found.sort(comparePlaces);
  }

  async #shardsOf(type: ResourceType, owners: ReadonlySet<Owner> | 'all'): Promise<readonly number[]> {
    const { searchIndex, organisation } = this.#parts;
    const rule = ownerRuleOf(type);
    if (rule === 'subject' && owners === 'all') return this.#candidates.shards();
    const own: readonly Owner[] = [`org:${organisation}`];
    const searched =
      owners === 'all' ? own : [...owners].filter((owner) => rule !== 'organisation' || owner === own[0]);
    const wanted = new Set(searched.map((owner) => searchIndex.shardOf(owner, type)));
    return [...wanted].sort((a, b) => a - b);
  }

  async #maySee(looking: Looking, record: StoredRecord): Promise<boolean> {
    const { sight, decisions } = looking;
    const { owner, pair } = record.meta;
    const name = `${pair} ${owner}`;
    const known = sight.isByPair === true ? decisions.get(name) : undefined;
    if (known !== undefined) return known.kind === 'allowed';
    const decision = await sight.decide(sightedOf(record), 's');
    if (sight.isByPair === true) decisions.set(name, decision);
    return decision.kind === 'allowed';
  }
}

function holds({ filters, within }: SearchPlan, { tree }: Opened, nowMs: number): boolean {
  if (!filters.every((filter) => matchesFilter(tree, filter, nowMs))) return false;
  return within === undefined || within.some((filter) => matchesFilter(tree, filter, nowMs));
}

function tooCostly(): RecordsError {
  return new RecordsError(
    'too-costly',
    `the search would open more than ${CANDIDATES_MAX} records: name a patient, a code or a date as well`,
  );
}
