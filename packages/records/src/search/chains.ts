import {
  type FhirTree,
  type Filter,
  type OwnFilter,
  type ResourceType,
  type SearchParameter,
  type SearchRequest,
  type SearchValue,
  searchableValues,
  searchParametersOf,
} from '@salus/fhir';
import { RecordsError } from '../records-error.ts';
import { IDS_MAX } from './plan.ts';

/** Longest chain of searches within searches (a chain, `_has`, `_revinclude`). */
const DEPTH_MAX = 8;
/** Resources that one link of `_has` looks through. */
const REFERRING_MAX = 10_000;

type Chain = Extract<Filter, { kind: 'chain' }>;
type Has = Extract<Filter, { kind: 'has' }>;

/** How far inside others a search stands, and FHIR ids of the patients here whom those around it name. */
export interface Level {
  readonly depth: number;
  readonly around: readonly string[];
}

/** A resource that a search within a search found. */
export interface Linked {
  readonly id: string;
  /** Of another organisation's: the URL by which others refer to it. */
  readonly url: string | undefined;
  /** What is compared of it. */
  readonly tree: FhirTree;
}

/** Searches within a search: both ask whether each resource may be seen before it counts. */
export interface Links {
  find(request: Pick<SearchRequest, 'type' | 'filters'>, limit: number): Promise<readonly Linked[]>;
  /** Other organisations' resources of a type, of the patients who are named. */
  theirs(type: ResourceType): Promise<readonly Linked[]>;
  /** Entries of other organisations' directories that those name by a parameter, and for which a filter holds. */
  named(type: ResourceType, parameter: SearchParameter, target: Chain['links'][number]): Promise<readonly Linked[]>;
}

/** Filters that name patients first: the searches within the others are of those patients. */
export function inOrder(filters: readonly Filter[]): readonly Filter[] {
  if (filters.every(isOwn)) return filters;
  const rankOf = (filter: Filter): number => {
    if (isOwn(filter)) return 0;
    return filter.kind === 'chain' && filter.links.some(({ type }) => type === 'Patient') ? 1 : 2;
  };
  return filters.toSorted((a, b) => rankOf(a) - rankOf(b));
}

/** Does it look at the resource itself alone? */
export function isOwn(filter: Filter): filter is OwnFilter {
  return filter.kind === 'values' || filter.kind === 'missing';
}

/** A chain or `_has` becomes the references or ids that it leads to; undefined when it leads to nothing. */
export async function follow(
  links: Links,
  type: ResourceType,
  filter: Chain | Has,
  depth: number,
): Promise<OwnFilter | undefined> {
  if (depth >= DEPTH_MAX) throw new RecordsError('too-costly', `a search has at most ${DEPTH_MAX} searches within it`);
  return filter.kind === 'chain' ? followChain(links, type, filter) : followHas(links, type, filter);
}

async function followChain(links: Links, type: ResourceType, filter: Chain): Promise<OwnFilter | undefined> {
  const { parameter } = filter;
  const alternatives: SearchValue[] = [];
  for (const link of filter.links) {
    const found = [
      ...(await links.find({ type: link.type, filters: [link.filter] }, IDS_MAX + 1)),
      ...(await links.named(type, parameter, link)),
    ];
    for (const { id, url } of found) {
      alternatives.push(url === undefined ? { kind: 'reference', type: link.type, id } : { kind: 'url', url });
    }
    demandBound(alternatives.length);
  }
  return alternatives.length === 0 ? undefined : { kind: 'values', parameter, modifier: undefined, alternatives };
}

async function followHas(links: Links, type: ResourceType, { type: from, parameter, filter }: Has) {
  const found = await links.find({ type: from, filters: [filter] }, REFERRING_MAX);
  const ids = new Set<string>();
  const urls = new Set<string>();
  for (const { tree } of found) {
    for (const value of searchableValues(tree, parameter)) {
      if (value.kind !== 'reference' || value.type !== type) continue;
      if (value.id !== undefined) ids.add(value.id);
      else if (value.reference !== undefined) urls.add(value.reference);
    }
  }
  // Others refer to what another organisation wrote by its URL; here it has an id.
  if (urls.size > 0)
    for (const { id, url } of await links.theirs(type)) if (url !== undefined && urls.has(url)) ids.add(id);
  demandBound(ids.size);
  const own = searchParametersOf(type).get('_id');
  if (ids.size === 0 || own === undefined) return undefined;
  const alternatives = [...ids].map((id) => ({ kind: 'token', system: undefined, code: id }) as const);
  return { kind: 'values', parameter: own, modifier: undefined, alternatives } as const;
}

function demandBound(count: number): void {
  if (count <= IDS_MAX) return;
  throw new RecordsError(
    'too-costly',
    `a chain or _has of the search leads to more than ${IDS_MAX} resources: name a patient, a code or a date as well`,
  );
}
