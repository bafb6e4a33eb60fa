import type { FhirTree, Filter, OwnFilter, ResourceType } from '@salus/fhir';
import { matchesFilter } from '@salus/fhir';
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
  readonly found: FoundRecord;
}

/** Shards have 48 bits (`search-schema.ts`). */
export const BEYOND_SHARD = 2 ** 48;
/** Digits of a random UUID that tell its place: the same on every page. */
const PLACE_DIGITS = 12;

/** What matches, in the order of pages; nothing where the search names neither patients nor ids. */
export async function beyondMatches(
  beyond: Beyond,
  type: ResourceType,
  { filters, within, ids }: SearchPlan,
  nowMs: number,
): Promise<{ readonly matches: readonly BeyondMatch[]; readonly isWhole: boolean }> {
  const asked = { type, patients: [...patientsIn(filters), ...patientsIn(within ?? [])], ids: ids ?? [] };
  if (asked.patients.length + asked.ids.length === 0) return { matches: [], isWhole: true };
  const { resources, isWhole } = await beyond.find({ ...asked, patients: [...new Set(asked.patients)].sort() });
  const matches = resources
    .filter(({ searched }) => filters.every((filter) => matchesFilter(searched, filter, nowMs)))
    .filter(({ searched }) => within?.some((filter) => matchesFilter(searched, filter, nowMs)) ?? true)
    .map(placed);
  return { matches: matches.sort((a, b) => a.entry - b.entry), isWhole };
}

/** Whom the references of filters may name. */
function patientsIn(filters: readonly (Filter | OwnFilter)[]): readonly string[] {
  return filters.flatMap((filter) => {
    if (filter.kind !== 'values' || filter.modifier !== undefined || filter.parameter.type !== 'reference') return [];
    if (!filter.parameter.targets.includes('Patient')) return [];
    return filter.alternatives.flatMap((wanted) =>
      wanted.kind === 'reference' && (wanted.type ?? 'Patient') === 'Patient' ? [wanted.id] : [],
    );
  });
}

function placed(resource: ForeignResource): BeyondMatch {
  const { id, tree } = resource;
  const entry = Number.parseInt(id.replaceAll('-', '').slice(0, PLACE_DIGITS), 16);
  return { shard: BEYOND_SHARD, entry, tree, found: foundElsewhere(resource) };
}

export function foundElsewhere(resource: ForeignResource): FoundRecord {
  const { recordId, version, owner, type, id, tree, text } = resource;
  return { record: { recordId, version, meta: { owner, type, id } }, tree, text, elsewhere: resource };
}
