import { type FhirTree, matchesFilter, type ResourceType, type SearchParameter, searchableValues } from '@salus/fhir';
import type { ForeignResource } from '../foreign/foreign-resource.ts';
import type { Owner } from '../vault-types.ts';
import type { SearchPlan } from './plan.ts';
import type { FoundRecord } from './search-types.ts';

/** What a search may find beside what is stored here. */
export interface Beyond {
  /** Resources of the type that may be seen: of these patients, or if none is named with these ids. */
  find(asked: BeyondAsked): Promise<BeyondFound>;
  /** Resources by their authors' URLs, as far as they may be seen, and of the persons whom the sources are of. */
  named(urls: readonly string[], sources: Sources): Promise<BeyondFound>;
}

/** What names a URL: another's record leads to the same person's, and to nobody else's. */
export interface Sources {
  readonly foreign: readonly ForeignResource[];
  /** Of own records. */
  readonly owners: readonly Owner[];
}

export interface BeyondAsked {
  readonly type: ResourceType;
  /** FHIR ids of patients of this base. */
  readonly patients: readonly string[];
  readonly ids: readonly string[];
}

export interface BeyondFound {
  readonly resources: readonly ForeignResource[];
  /** Every organisation answered. */
  readonly isWhole: boolean;
}

/** What an answer finds beside what is stored here, and whether everybody who was asked has answered. */
export type Outside = { readonly beyond: Beyond | undefined; isWhole: boolean };

/** A match that is not stored here. It stands behind all that are. */
export interface BeyondMatch {
  readonly shard: number;
  readonly entry: number;
  readonly tree: FhirTree;
  readonly resource: ForeignResource;
  readonly found: FoundRecord;
}

/** Shards have 48 bits (`search-schema.ts`). */
export const BEYOND_SHARD = 2 ** 48;
/** Digits of a random UUID that tell its place: the same on every page. */
const PLACE_DIGITS = 12;

/** What matches, in the order of pages; nothing where the search names neither patients nor ids. */
export async function beyondMatches(
  outside: Outside | undefined,
  type: ResourceType,
  { filters, within, ids = [], patients }: SearchPlan,
  nowMs: number,
): Promise<readonly BeyondMatch[]> {
  const resources = await findBeyond(outside, { type, patients, ids: patients.length === 0 ? ids : [] });
  const matches = resources
    .filter(({ searched }) => filters.every((filter) => matchesFilter(searched, filter, nowMs)))
    .filter(({ searched }) => within?.some((filter) => matchesFilter(searched, filter, nowMs)) ?? true)
    .map(placed);
  return matches.sort((a, b) => a.entry - b.entry);
}

/** Nothing where neither patients nor ids are named. */
export async function findBeyond(
  outside: Outside | undefined,
  asked: BeyondAsked,
): Promise<readonly ForeignResource[]> {
  if (outside?.beyond === undefined || asked.patients.length + asked.ids.length === 0) return [];
  const { resources, isWhole } = await outside.beyond.find(asked);
  outside.isWhole &&= isWhole;
  return resources;
}

/** Entries of authors' directories that their resources name by a parameter. */
export async function namedBeyond(
  outside: Outside | undefined,
  from: readonly ForeignResource[],
  { parameter, target }: { readonly parameter: SearchParameter; readonly target: ResourceType },
): Promise<readonly ForeignResource[]> {
  const urls = from
    .flatMap(({ searched }) => searchableValues(searched, parameter))
    .flatMap((value) => (value.kind === 'reference' && value.type === target ? (value.reference ?? []) : []));
  if (outside?.beyond === undefined || urls.length === 0) return [];
  const { resources, isWhole } = await outside.beyond.named([...new Set(urls)], { foreign: from, owners: [] });
  outside.isWhole &&= isWhole;
  return resources.filter(({ type }) => type === target);
}

function placed(resource: ForeignResource): BeyondMatch {
  const { id, tree } = resource;
  const entry = Number.parseInt(id.replaceAll('-', '').slice(0, PLACE_DIGITS), 16);
  return { shard: BEYOND_SHARD, entry, tree, resource, found: foundElsewhere(resource) };
}

export function foundElsewhere(resource: ForeignResource): FoundRecord {
  const { recordId, version, owner, type, id, tree, text } = resource;
  return { record: { recordId, version, meta: { owner, type, id } }, tree, text, elsewhere: resource };
}
