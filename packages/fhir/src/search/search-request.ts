import { hasErrors, type Issue } from '../issue.ts';
import { isResourceType, type ResourceType } from '../resource-table.ts';
import { type Filter, parseFilter } from './filter.ts';
import { type SearchParameter, searchParametersOf } from './search-parameter.ts';

/** Parameters of one search, values in all its lists, links in a chain, includes: each lets a client buy work. */
export const PARAMETERS_MAX = 64;
export const INCLUDES_MAX = 32;
export const SORT_KEYS_MAX = 8;
/** Entries of a page, unless asked, and at most. */
export const COUNT_DEFAULT = 20;
export const COUNT_MAX = 1_000;

export type Summary = 'true' | 'text' | 'data' | 'count' | 'false';
export type Total = 'none' | 'estimate' | 'accurate';

export interface SortKey {
  readonly parameter: SearchParameter;
  readonly descending: boolean;
}

/** `_include` and `_revinclude` (R4 §3.1.1.5.7). */
export interface Include {
  readonly source: ResourceType;
  /** undefined: `*`, every reference. */
  readonly parameter: SearchParameter | undefined;
  readonly target: ResourceType | undefined;
  readonly iterate: boolean;
}

/** A search on one resource type as it was understood (R4 §3.1.1). */
export interface SearchRequest {
  readonly type: ResourceType;
  /** All of them hold. */
  readonly filters: readonly Filter[];
  readonly sort: readonly SortKey[];
  readonly count: number;
  readonly includes: readonly Include[];
  readonly revincludes: readonly Include[];
  readonly summary: Summary;
  readonly elements: readonly string[];
  readonly total: Total;
  /** What was used, as the client wrote it: for the `self` link (R4 §3.1.1.6). */
  readonly used: readonly (readonly [name: string, value: string])[];
}

export type ParsedSearch =
  /** `issues` are warnings of what was ignored. */
  | { readonly kind: 'search'; readonly request: SearchRequest; readonly issues: readonly Issue[] }
  | { readonly kind: 'refused'; readonly issues: readonly Issue[] };

export interface SearchOptions {
  /** `Prefer: handling=strict` (R4 §3.1.1.6): unknown parameters refuse instead of being ignored. */
  readonly strict?: boolean;
}

/** Parameters that the transport reads. */
const TRANSPORT: ReadonlySet<string> = new Set(['_format', '_pretty']);
const SUMMARIES: readonly Summary[] = ['true', 'text', 'data', 'count', 'false'];
const TOTALS: readonly Total[] = ['none', 'estimate', 'accurate'];
const ELEMENT = /^[A-Za-z][A-Za-z0-9]{0,63}(?:\.[A-Za-z][A-Za-z0-9]{0,63}){0,8}$/;

type Draft = { -readonly [Key in keyof SearchRequest]: SearchRequest[Key] };

/**
 * Parses the parameters of a search. What is written wrong or is not supported refuses with an error that names the parameter;
 * an unknown parameter is ignored with a warning unless `strict`. No message repeats a value: it may be health data.
 */
export function parseSearch(
  type: ResourceType,
  parameters: Iterable<readonly [name: string, value: string]>,
  { strict = false }: SearchOptions = {},
): ParsedSearch {
  const issues: Issue[] = [];
  const draft: Draft = {
    type,
    filters: [],
    sort: [],
    count: COUNT_DEFAULT,
    includes: [],
    revincludes: [],
    summary: 'false',
    elements: [],
    total: 'none',
    used: [],
  };
  const all = [...parameters];
  if (all.length > PARAMETERS_MAX) return refused('too-costly', `a search has at most ${PARAMETERS_MAX} parameters`);
  for (const [name, value] of all) {
    const read = TRANSPORT.has(name) ? 'used' : readParameter(draft, name, value);
    if (read === 'used') draft.used = TRANSPORT.has(name) ? draft.used : [...draft.used, [name, value]];
    else if (read !== 'unknown') issues.push({ severity: 'error', code: 'invalid', text: `${shown(name)}: ${read}` });
    else {
      const text = `${shown(name)}: ${type} has no such search parameter`;
      issues.push({ severity: strict ? 'error' : 'warning', code: 'not-supported', text });
    }
  }
  if (hasErrors(issues)) return { kind: 'refused', issues };
  return { kind: 'search', request: draft, issues };
}

function refused(code: 'too-costly', text: string): ParsedSearch {
  return { kind: 'refused', issues: [{ severity: 'error', code, text }] };
}

/** `used`, `unknown`, or what is wrong. */
function readParameter(draft: Draft, name: string, value: string): string {
  const [base = '', ...modifiers] = name.split(':');
  switch (base) {
    case '_sort':
      return readSort(draft, value);
    case '_count':
      return readCount(draft, value);
    case '_summary':
      return readWord(SUMMARIES, value, (summary) => {
        draft.summary = summary;
      });
    case '_total':
      return readWord(TOTALS, value, (total) => {
        draft.total = total;
      });
    case '_elements':
      return readElements(draft, value);
    case '_include':
    case '_revinclude':
      return readInclude(draft, base, modifiers, value);
    default:
      return readFilter(draft, name, value);
  }
}

function readFilter(draft: Draft, name: string, value: string): string {
  const filter = parseFilter(draft.type, name, value);
  if (typeof filter === 'string') return filter;
  draft.filters = [...draft.filters, filter];
  return 'used';
}

function readSort(draft: Draft, value: string): string {
  const parameters = searchParametersOf(draft.type);
  const keys = value.split(',');
  if (keys.length > SORT_KEYS_MAX) return `at most ${SORT_KEYS_MAX} keys sort`;
  const sort: SortKey[] = [];
  for (const key of keys) {
    const descending = key.startsWith('-');
    const parameter = parameters.get(descending ? key.slice(1) : key);
    if (parameter === undefined) return 'this is no search parameter of the type';
    if (parameter.type === 'composite' || parameter.type === 'special' || parameter.expression === '') {
      return 'nothing can be sorted by this parameter';
    }
    sort.push({ parameter, descending });
  }
  draft.sort = sort;
  return 'used';
}

function readCount(draft: Draft, value: string): string {
  if (!/^(?:0|[1-9][0-9]{0,9})$/.test(value)) return 'a whole number was expected';
  const count = Number(value);
  // R4 §3.1.1.5.4: 0 is asked for the total alone.
  if (count === 0) draft.summary = 'count';
  else draft.count = Math.min(count, COUNT_MAX);
  return 'used';
}

function readElements(draft: Draft, value: string): string {
  const elements = value.split(',');
  if (elements.length > PARAMETERS_MAX || !elements.every((element) => ELEMENT.test(element))) {
    return 'names of elements with commas between them were expected';
  }
  draft.elements = elements;
  return 'used';
}

function readWord<Word extends string>(words: readonly Word[], value: string, put: (word: Word) => void): string {
  const word = words.find((known) => known === value);
  if (word === undefined) return `one of ${words.join(', ')} was expected`;
  put(word);
  return 'used';
}

/** `Source:parameter[:Target]`, `Source:*`, `*` (R4 §3.1.1.5.7). */
function readInclude(
  draft: Draft,
  base: '_include' | '_revinclude',
  modifiers: readonly string[],
  value: string,
): string {
  const [modifier, ...more] = modifiers;
  // `recurse` is what DSTU2 and many clients call it.
  const iterate = modifier === 'iterate' || modifier === 'recurse';
  if (more.length > 0 || (modifier !== undefined && !iterate)) return 'the only modifier is :iterate';
  const [source, code = '*', target, ...rest] = value === '*' ? [draft.type] : value.split(':');
  if (rest.length > 0 || source === undefined || !isResourceType(source)) return 'Type:parameter was expected';
  if (target !== undefined && !isResourceType(target)) return 'the target is no resource type';
  const parameter = code === '*' ? undefined : searchParametersOf(source).get(code);
  if (code !== '*' && parameter?.type !== 'reference') return 'the type has no such parameter of references';
  const include: Include = { source, parameter, target, iterate };
  const list = base === '_include' ? draft.includes : draft.revincludes;
  if (list.length >= INCLUDES_MAX) return `at most ${INCLUDES_MAX} of these`;
  if (base === '_include') draft.includes = [...list, include];
  else draft.revincludes = [...list, include];
  return 'used';
}

/** A parameter's name may be shown, but not whatever a stranger sent as one. */
function shown(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_.:-]{0,100}$/.test(name) ? name : 'a parameter';
}
