import { type OwnFilter, parseSearch, type ResourceType } from '@salus/fhir';
import type { TypeFilters } from '@salus/records';
import { ServerError } from '../../server-error.ts';

/** Queries of one export; each is evaluated on every record of its type. */
const TYPE_FILTERS_MAX = 20;

export interface TypeFilter {
  readonly type: ResourceType;
  readonly query: string;
}

/**
 * `_typeFilter` (Bulk Data 2, _typeFilter query parameter): searches whose parameters a resource answers by itself. Chains,
 * includes, sorting and paging refuse.
 *
 * @throws ServerError `bad-request`
 */
export function parseTypeFilters(filters: readonly TypeFilter[]): TypeFilters {
  if (filters.length > TYPE_FILTERS_MAX) {
    throw new ServerError('bad-request', `_typeFilter comes at most ${TYPE_FILTERS_MAX} times.`);
  }
  const parsed = new Map<string, (readonly OwnFilter[])[]>();
  for (const { type, query } of filters) {
    const search = parseSearch(type, new URLSearchParams(query), { strict: true });
    if (search.kind === 'refused') {
      throw new ServerError('bad-request', 'A _typeFilter holds a search parameter that is unknown or written wrong.');
    }
    const { filters: own, sort, includes, revincludes, elements } = search.request;
    const isOwn = own.every((filter): filter is OwnFilter => filter.kind === 'values' || filter.kind === 'missing');
    if (!isOwn || [sort, includes, revincludes, elements].some((list) => list.length > 0)) {
      throw new ServerError(
        'bad-request',
        'A _typeFilter has parameters of the resource itself: no chains, includes or order.',
      );
    }
    parsed.set(type, [...(parsed.get(type) ?? []), own as readonly OwnFilter[]]);
  }
  return parsed;
}
