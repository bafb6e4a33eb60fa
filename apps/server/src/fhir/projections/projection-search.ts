import {
  type FhirTree,
  matchesFilter,
  type OwnFilter,
  parseSearch,
  type ResourceType,
  type SearchRequest,
} from '@salus/fhir';
import { ServerError } from '../../server-error.ts';

/** Parameters of the transport and of a projection's own paging. */
const OWN: ReadonlySet<string> = new Set(['_page', '_format', '_pretty', '_count']);

/** A search over resources that are made as they are asked for. */
export interface ProjectionSearch {
  readonly filters: readonly OwnFilter[];
  readonly count: number;
  readonly page: string | undefined;
  /** Without the page: what the links repeat, and a page token is bound to. */
  readonly asked: readonly (readonly [string, string])[];
}

/**
 * Parses a search of which every parameter must be one of `known`: what a projection cannot filter by must not look as if it
 * had.
 *
 * @throws ServerError `bad-request`
 */
export function projectionSearch(type: ResourceType, url: string, known: readonly string[]): ProjectionSearch {
  const parameters = [...new URL(url, 'http://node').searchParams];
  const unknown = parameters.find(([name]) => !OWN.has(name) && !known.includes(name.split(':')[0] ?? ''));
  if (unknown !== undefined) {
    throw new ServerError('bad-request', `${type} is a projection and is searched by ${known.join(', ')}.`);
  }
  const parsed = parseSearch(
    type,
    parameters.filter(([name]) => name !== '_page'),
    { strict: true },
  );
  if (parsed.kind === 'refused') throw new ServerError('bad-request', 'A search parameter is written wrong.');
  const { filters, count } = parsed.request;
  return {
    filters: filters.map(ownFilter),
    count: Math.min(count, PAGE_MAX),
    page: parameters.find(([name]) => name === '_page')?.[1],
    asked: parameters.filter(([name]) => name !== '_page' && name !== '_format' && name !== '_pretty'),
  };
}

const PAGE_MAX = 200;

function ownFilter(filter: SearchRequest['filters'][number]): OwnFilter {
  if (filter.kind === 'values' || filter.kind === 'missing') return filter;
  throw new ServerError('bad-request', 'A projection is not searched through references.');
}

export function matches(tree: FhirTree, { filters }: ProjectionSearch, nowMs: number): boolean {
  return filters.every((filter) => matchesFilter(tree, filter, nowMs));
}

/** The FHIR id of the one patient whom the search names by this parameter; undefined where it names none. */
export function patientIn({ filters }: ProjectionSearch, code: string): string | undefined {
  const ids = filters.flatMap((filter) =>
    filter.kind === 'values' && filter.parameter.code === code && filter.modifier === undefined
      ? filter.alternatives.map((value) => (value.kind === 'reference' ? value.id : ''))
      : [],
  );
  if (ids.length > 1) throw new ServerError('bad-request', `${code} names one patient.`);
  return ids[0] === '' ? undefined : ids[0];
}

/** A page of a searchset; a total would tell what cannot be shown. */
export function searchset(
  place: { readonly baseUrl: string; readonly type: ResourceType; readonly asked: ProjectionSearch['asked'] },
  resources: readonly FhirTree[],
  next: string | undefined,
): FhirTree {
  const { baseUrl, type, asked } = place;
  const link = (more: readonly (readonly [string, string])[]): string => {
    const query = [...asked, ...more].map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
    return `${baseUrl}/${type}${query === '' ? '' : `?${query}`}`;
  };
  const entry = resources.map((resource) => ({
    fullUrl: `${baseUrl}/${type}/${idIn(resource)}`,
    resource,
    search: { mode: 'match' },
  }));
  return {
    resourceType: 'Bundle',
    type: 'searchset',
    link: [
      { relation: 'self', url: link([]) },
      ...(next === undefined ? [] : [{ relation: 'next', url: link([['_page', next]]) }]),
    ],
    ...(entry.length === 0 ? {} : { entry }),
  };
}

export function idIn({ id }: FhirTree): string {
  return typeof id === 'string' ? id : '';
}
