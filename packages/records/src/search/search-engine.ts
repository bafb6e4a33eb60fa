import type { SearchRequest } from '@salus/fhir';
import { RecordsError } from '../records-error.ts';
import type { RollbackGuard } from '../rollback-guard.ts';
import type { Sight } from '../sight.ts';
import type { AuditLog } from '../vault-types.ts';
import { type BeyondMatch, beyondMatches, type Outside } from './beyond.ts';
import { includesOf } from './includes.ts';
import { comparePlaces, type Looking, type Match, Matcher, type MatcherParts, START } from './matcher.ts';
import type { SearchPlan } from './plan.ts';
import { logSearch } from './search-audit.ts';
import type { Search, SearchPage, SearchPosition } from './search-types.ts';
import { compareSortValues, type SortValue, sortValuesOf } from './sort-keys.ts';

type Parts = MatcherParts & {
  readonly audit: AuditLog;
  readonly guard: RollbackGuard;
};

type Found = Match | BeyondMatch;
type Sorted = { readonly match: Found; readonly keys: readonly SortValue[] };

/** `at` and `keys`: of the last match. */
type Page = {
  readonly at: number;
  readonly keys: readonly SortValue[];
  readonly matches: readonly Found[];
  readonly more: boolean;
};

/**
 * Searches on encrypted records (ADR 0010): tokens pre-select, what may not be seen falls out before it is opened, shown or
 * counted, and the rest is opened and compared with what was asked.
 */
export class SearchEngine {
  readonly #parts: Parts;
  readonly #matcher: Matcher;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#matcher = new Matcher(parts);
  }

  /**
   * One page, logged durably. Throws `too-costly` when more than a bounded number of records would have to be opened, and what the
   * guard throws while nothing may be released.
   */
  async find(sight: Sight, search: Search, position?: SearchPosition): Promise<SearchPage> {
    this.#parts.guard.demandReleasing();
    const outside: Outside = { beyond: search.beyond, isWhole: true };
    const looking = await this.#matcher.look(sight, position?.last, outside);
    const [first] = search.requests;
    const count = first?.summary === 'count' ? 0 : (first?.count ?? 0);
    const page = await this.#page(looking, search, count, position);
    const total = await this.#total(looking, search, page, position);
    const last = page.matches.at(-1);
    const next =
      page.more && last !== undefined
        ? {
            at: page.at,
            shard: last.shard,
            entry: last.entry,
            keys: page.keys,
            last: looking.last,
            total: total ?? null,
          }
        : undefined;
    const matches = await Promise.all(
      page.matches.map((match) => ('found' in match ? match.found : this.#matcher.found(match.record))),
    );
    const { included, isCut } =
      first === undefined || matches.length === 0
        ? { included: [], isCut: false }
        : await includesOf({ matcher: this.#matcher, looking }, first, matches);
    // What another organisation released is logged by its read, on both sides.
    const own = [...matches, ...included].filter(({ elsewhere }) => elsewhere === undefined);
    const records = own.map((found) => found.record);
    await logSearch(this.#parts.audit, { sight, query: search.query, records, atMs: looking.nowMs });
    return { matches, included, includesCut: isCut, isWhole: outside.isWhole, total, next };
  }

  /**
   * Current records that match and may be seen, at most `limit`: for conditions of writes and for rules that watch. Nothing
   * is logged: whoever shows one of them logs it. Throws what the guard throws while nothing may be released.
   */
  async match(sight: Sight, request: SearchRequest, limit: number): Promise<readonly Match[]> {
    this.#parts.guard.demandReleasing();
    const looking = await this.#matcher.look(sight, undefined);
    return this.#matcher.matchesOf(looking, request, limit);
  }

  /** Requests one after the other, from the place in the one where the page before ended. */
  async #page(
    looking: Looking,
    { requests, within }: Search,
    count: number,
    position: SearchPosition | undefined,
  ): Promise<Page> {
    const matches: Found[] = [];
    let last = { at: position?.at ?? 0, keys: [] as readonly SortValue[] };
    for (let at = last.at; at < requests.length && count > 0; at += 1) {
      const request = requests[at];
      const plan =
        request === undefined ? undefined : await this.#matcher.planOf(looking, request, within?.get(request.type));
      if (request === undefined || plan === undefined) continue;
      const after = at === position?.at ? position : undefined;
      for await (const { match, keys } of this.#ordered(looking, request, plan, after)) {
        if (matches.length === count) return { ...last, matches, more: true };
        matches.push(match);
        last = { at, keys };
      }
    }
    return { ...last, matches, more: false };
  }

  async *#ordered(
    looking: Looking,
    request: SearchRequest,
    plan: SearchPlan,
    after: SearchPosition | undefined,
  ): AsyncGenerator<Sorted> {
    if (request.sort.length > 0) {
      yield* await this.#sorted(looking, request, plan, after);
      return;
    }
    for await (const match of this.#matcher.matches(looking, request.type, plan, after ?? START)) {
      yield { match, keys: [] };
    }
    for (const match of await beyondMatches(looking.outside, request.type, plan, looking.nowMs)) {
      if (after === undefined || comparePlaces(match, after) > 0) yield { match, keys: [] };
    }
  }

  /** All matches in order, those after a position. */
  async #sorted(
    looking: Looking,
    request: SearchRequest,
    plan: SearchPlan,
    after: SearchPosition | undefined,
  ): Promise<readonly Sorted[]> {
    const { type, sort } = request;
    const all: Sorted[] = [];
    for await (const match of this.#matcher.matches(looking, type, plan, START)) {
      all.push({ match, keys: sortValuesOf(match.tree, sort) });
    }
    for (const match of await beyondMatches(looking.outside, type, plan, looking.nowMs)) {
      all.push({ match, keys: sortValuesOf(match.tree, sort) });
    }
    all.sort((a, b) => compareSortValues(a.keys, b.keys, sort) || comparePlaces(a.match, b.match));
    if (after === undefined) return all;
    return all.filter(({ match, keys }) => {
      const order = compareSortValues(keys, after.keys, sort);
      return order > 0 || (order === 0 && comparePlaces(match, after) > 0);
    });
  }

  async #total(
    looking: Looking,
    search: Search,
    page: { readonly matches: readonly unknown[]; readonly more: boolean },
    position: SearchPosition | undefined,
  ): Promise<number | undefined> {
    const [first] = search.requests;
    if (first === undefined) return 0;
    if (position !== undefined) return position.total ?? undefined;
    const isCount = first.summary === 'count';
    if (!page.more && !isCount) return page.matches.length;
    if (!isCount && first.total === 'none') return undefined;
    const counting = { ...looking, candidates: 0 };
    let total = 0;
    try {
      for (const request of search.requests) {
        const plan = await this.#matcher.planOf(counting, request, search.within?.get(request.type));
        if (plan === undefined) continue;
        for await (const _ of this.#matcher.matches(counting, request.type, plan, START)) total += 1;
        total += (await beyondMatches(looking.outside, request.type, plan, looking.nowMs)).length;
      }
    } catch (error) {
      // An estimate may be left out; a number that was asked for may not be wrong.
      if (first.total === 'estimate' && !isCount && isTooCostly(error)) return undefined;
      throw error;
    }
    return total;
  }
}

function isTooCostly(error: unknown): boolean {
  return error instanceof RecordsError && error.code === 'too-costly';
}
