import { parseSearch, type ResourceType } from '@salus/fhir';
import { RecordsError } from './records-error.ts';
import type { SearchEngine } from './search/search-engine.ts';
import type { Sight } from './sight.ts';
import type { StoredRecord } from './vault-types.ts';

/** Two are enough to refuse. */
const MATCHES_MAX = 2;

/** What a search finds among what the caller sees, at most two. Throws `bad-input` with `condition-unsupported`. */
export type ConditionSearch = (sight: Sight, type: ResourceType, query: string) => Promise<readonly StoredRecord[]>;

/** Conditions of writes are searches (R4 §3.1.0.4.3): strict, since an ignored parameter would change something else. */
export function createConditionSearch(engine: SearchEngine): ConditionSearch {
  return async (sight, type, query) => {
    const parsed = parseSearch(type, new URLSearchParams(query), { strict: true });
    if (parsed.kind === 'refused') throw unsupported(parsed.issues[0]?.text ?? 'the search is not supported');
    if (parsed.request.filters.length === 0) throw unsupported('a condition names what it looks for');
    const matches = await engine.match(sight, parsed.request, MATCHES_MAX);
    return matches.map(({ record }) => record);
  };
}

function unsupported(message: string): RecordsError {
  return new RecordsError('bad-input', message, { detail: 'condition-unsupported' });
}
