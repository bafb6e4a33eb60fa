import {
  type FhirTree,
  matchesFilter,
  type OwnFilter,
  ownerRuleOf,
  type ResourceType,
  type SearchRequest,
} from '@salus/fhir';
import type { Attachments } from '../attachments.ts';
import type { ForeignResource } from '../foreign/foreign-resource.ts';
import type { Patients } from '../patients.ts';
import { RecordsError } from '../records-error.ts';
import { type Sight, type SightDecision, sightedOf } from '../sight.ts';
import type { Store } from '../store/database.ts';
import type { CiphertextReader, Clock, Owner, RecordRows, StoredRecord } from '../vault-types.ts';
import { beyondMatches, findBeyond, namedBeyond, type Outside } from './beyond.ts';
import { type Candidate, Candidates } from './candidates.ts';
import { follow, inOrder, isOwn, type Level, type Linked, type Links } from './chains.ts';
import { type Opened, OpenedRecords } from './opened-records.ts';
import { planOf, type SearchPlan, scopeOf } from './plan.ts';
import type { SearchIndex } from './search-index.ts';
import type { FoundRecord } from './search-types.ts';

/** Candidates that one page, one sorting or one count looks into; what needs more is refused. */
const CANDIDATES_MAX = 10_000;

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
  /** What other organisations released; undefined where only what is stored here counts. */
  readonly outside: Outside | undefined;
}

/** Where a match stands: matches are listed by shard, and by entry within it. */
export interface Place {
  readonly shard: number;
  readonly entry: number;
}

const OUTERMOST: Level = { depth: 0, around: [] };
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
  async look(sight: Sight, last: number | undefined, outside?: Outside): Promise<Looking> {
    const nowMs = this.#parts.clock();
    const lastEntry = last ?? (await this.#candidates.lastEntry());
    return { sight, nowMs, last: lastEntry, candidates: 0, decisions: new Map(), outside };
  }

  /** At most `limit` of those that are stored here. */
  async matchesOf(
    looking: Looking,
    request: Pick<SearchRequest, 'type' | 'filters'>,
    limit: number,
  ): Promise<readonly Match[]> {
    const plan = await this.planOf(looking, request, undefined);
    return plan === undefined ? [] : this.#first(looking, request.type, plan, limit);
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
    level: Level = OUTERMOST,
  ): Promise<SearchPlan | undefined> {
    const own: OwnFilter[] = [];
    const { type } = request;
    for (const filter of inOrder(request.filters)) {
      if (isOwn(filter)) {
        own.push(filter);
        continue;
      }
      const around = scopeOf(type, [...own, ...(within ?? [])], level.around);
      const followed = await follow(this.#links(looking, { ...level, around }), type, filter, level.depth);
      if (followed === undefined) return undefined;
      own.push(followed);
    }
    const { patients } = this.#parts;
    return planOf({ sight: looking.sight, patients, nowMs: looking.nowMs }, request, own, {
      within,
      around: level.around,
    });
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

  async #first(looking: Looking, type: ResourceType, plan: SearchPlan, limit: number): Promise<readonly Match[]> {
    const found: Match[] = [];
    for await (const match of this.matches(looking, type, plan, START)) {
      found.push(match);
      if (found.length >= limit) break;
    }
    return found;
  }

  /** Searches within a search, one level further in. */
  #links(looking: Looking, { depth, around }: Level): Links {
    const { nowMs, outside } = looking;
    const inner: Level = { depth: depth + 1, around };
    // Whoever is a patient elsewhere is the patient here, whom the search looks at already.
    const theirs = async (type: ResourceType) =>
      type === 'Patient' || around.length === 0 ? [] : findBeyond(outside, { type, patients: around, ids: [] });
    return {
      find: async (request, limit) => {
        const { type } = request;
        const plan = await this.planOf(looking, request, undefined, inner);
        if (plan === undefined) return [];
        const own = await this.#first(looking, type, plan, limit);
        const beyond = type === 'Patient' ? [] : await beyondMatches(outside, type, plan, nowMs);
        return [
          ...own.map(({ record, tree }): Linked => ({ id: record.meta.id, url: undefined, tree })),
          ...beyond.map(({ resource }) => linkedElsewhere(resource)),
        ];
      },
      theirs: async (type) => (await theirs(type)).map(linkedElsewhere),
      named: async (type, parameter, { type: target, filter }) => {
        if (ownerRuleOf(target) !== 'organisation' || around.length === 0) return [];
        const plan = await this.planOf(looking, { type: target, filters: [filter] }, undefined, inner);
        if (plan === undefined) return [];
        const found = await namedBeyond(outside, await theirs(type), { parameter, target });
        return found.filter(({ searched }) => holds(plan, { tree: searched }, nowMs)).map(linkedElsewhere);
      },
    };
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

function linkedElsewhere({ id, url, searched }: ForeignResource): Linked {
  return { id, url, tree: searched };
}

function holds({ filters, within }: SearchPlan, { tree }: { readonly tree: FhirTree }, nowMs: number): boolean {
  if (!filters.every((filter) => matchesFilter(tree, filter, nowMs))) return false;
  return within === undefined || within.some((filter) => matchesFilter(tree, filter, nowMs));
}

function tooCostly(): RecordsError {
  return new RecordsError(
    'too-costly',
    `the search would open more than ${CANDIDATES_MAX} records: name a patient, a code or a date as well`,
  );
}
