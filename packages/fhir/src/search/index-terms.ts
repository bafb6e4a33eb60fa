import { isResourceType, type ResourceType } from '../resource-table.ts';
import type { FhirTree } from '../tree.ts';
import { coverOf, termsOfPeriod } from './date-buckets.ts';
import type { Filter } from './filter.ts';
import { foldText } from './fold-text.ts';
import { isPhonetic, phoneticCodes } from './phonetic.ts';
import { type SearchParameter, searchParametersOf } from './search-parameter.ts';

import type { SearchValue } from './search-value.ts';
import { type SearchableValue, searchableValues } from './searchable-values.ts';

/**
 * Words under which a resource stands in an index. They say what the resource says, so whoever keeps them keys them first.
 * A term belongs to a type and a kind of value, not to one parameter: `subject` and `patient`, `code` and `combo-code` share
 * theirs. Terms only pre-select (`matchesFilter` decides), so one too many costs time and never a wrong answer.
 */
export type IndexTerm = string;

/** Terms of one resource; what has more is found by these. */
export const TERMS_MAX = 2_000;
/** Lengths of the folded beginnings by which a string is found. */
const PREFIX_LENGTHS = [1, 2, 3, 4, 6, 9, 14];

/** The term of every resource of a type. */
export function typeTerm(type: ResourceType): IndexTerm {
  return `${type}|*`;
}

/** Every term of a resource. */
export function indexTermsOf(tree: FhirTree): readonly IndexTerm[] {
  const type = tree.resourceType;
  if (!isResourceType(type)) return [];
  const terms = new Set<IndexTerm>([typeTerm(type)]);
  for (const parameter of indexedParametersOf(type)) {
    for (const value of searchableValues(tree, parameter)) addTerms(terms, type, value, parameter);
    if (terms.size >= TERMS_MAX) break;
  }
  return [...terms];
}

const indexed = new Map<ResourceType, readonly SearchParameter[]>();

/** Those with terms, one of each expression: numbers, quantities and composites are looked for among other terms' resources. */
function indexedParametersOf(type: ResourceType): readonly SearchParameter[] {
  const known = indexed.get(type);
  if (known !== undefined) return known;
  const parameters = new Map<string, SearchParameter>();
  for (const parameter of searchParametersOf(type).values()) {
    const { code, expression } = parameter;
    if (expression === '' || code === '_id' || code === '_lastUpdated' || !HAS_TERMS.has(parameter.type)) continue;
    parameters.set(`${parameter.type} ${isPhonetic(parameter)} ${expression}`, parameter);
  }
  const list = [...parameters.values()];
  indexed.set(type, list);
  return list;
}

const HAS_TERMS: ReadonlySet<string> = new Set(['token', 'string', 'reference', 'date', 'uri']);

function addTerms(terms: Set<IndexTerm>, type: ResourceType, value: SearchableValue, parameter: SearchParameter): void {
  switch (value.kind) {
    case 'token':
      if (value.code !== undefined) terms.add(`${type}|t|${value.code}`);
      return;
    case 'string':
      if (isPhonetic(parameter)) for (const code of phoneticCodes(value.text)) terms.add(`${type}|p|${code}`);
      else for (const prefix of prefixesOf(foldText(value.text))) terms.add(`${type}|s|${prefix}`);
      return;
    case 'reference':
      addReference(terms, type, value);
      return;
    case 'date':
      for (const term of termsOfPeriod(value)) terms.add(`${type}|${term}`);
      return;
    case 'uri':
      terms.add(`${type}|u|${value.uri}`);
      return;
    case 'number':
    case 'quantity':
    case 'composite':
      return;
  }
}

function addReference(
  terms: Set<IndexTerm>,
  type: ResourceType,
  { reference, type: target, id, identifier }: Extract<SearchableValue, { kind: 'reference' }>,
): void {
  if (identifier?.value !== undefined) terms.add(`${type}|i|${identifier.value}`);
  if (id !== undefined) terms.add(`${type}|r|${target ?? ''}/${id}`);
  else if (reference !== undefined) terms.add(`${type}|r|${reference}`).add(`${type}|r|${withoutVersion(reference)}`);
}

/** A canonical's version stands behind a bar (R4 §2.24.0.1). */
function withoutVersion(url: string): string {
  const bar = url.indexOf('|');
  return bar < 0 ? url : url.slice(0, bar);
}

function prefixesOf(text: string): readonly string[] {
  return PREFIX_LENGTHS.filter((length) => length <= text.length).map((length) => text.slice(0, length));
}

/**
 * Terms of which a resource has at least one if the filter holds for it; undefined when terms cannot tell. `nowMs` as in
 * `matchesFilter`.
 */
export function termsOfFilter(type: ResourceType, filter: Filter, nowMs: number): readonly IndexTerm[] | undefined {
  if (filter.kind !== 'values') return undefined;
  const { parameter, modifier } = filter;
  if (modifier !== undefined && !TERM_MODIFIERS.has(modifier)) return undefined;
  const terms = new Set<IndexTerm>();
  for (const wanted of filter.alternatives) {
    const found = termsOfValue(wanted, parameter, { ofIdentifier: modifier === 'identifier', nowMs });
    if (found === undefined) return undefined;
    for (const term of found) terms.add(`${type}|${term}`);
  }
  return [...terms];
}

/** The others ask for what has no term of its own: what is not, what lies within, what people read. */
const TERM_MODIFIERS: ReadonlySet<string> = new Set(['exact', 'identifier', 'of-type']);

type How = { readonly ofIdentifier: boolean; readonly nowMs: number };

function termsOfValue(wanted: SearchValue, parameter: SearchParameter, how: How): readonly string[] | undefined {
  switch (wanted.kind) {
    case 'token':
      if (wanted.code === undefined || parameter.code === '_id') return undefined;
      return [`${how.ofIdentifier ? 'i' : 't'}|${wanted.code}`];
    case 'string':
      return isPhonetic(parameter) ? phoneticTerms(wanted.text) : prefixTerm(foldText(wanted.text));
    case 'reference':
      return (wanted.type === undefined ? parameter.targets : [wanted.type]).map(
        (target) => `r|${target}/${wanted.id}`,
      );
    case 'url':
      return [`r|${wanted.url}`];
    case 'uri':
      return [`u|${wanted.uri}`];
    case 'date':
      return parameter.code === '_lastUpdated' ? undefined : coverOf(wanted, how.nowMs);
    case 'composite':
      return compositeTerms(wanted.parts, parameter, how);
    case 'number':
    case 'quantity':
      return undefined;
  }
}

/** One part is enough to pre-select: the first that has terms. Of `:of-type` the second, the identifier's value. */
function compositeTerms(
  parts: readonly SearchValue[],
  parameter: SearchParameter,
  how: How,
): readonly string[] | undefined {
  if (parameter.type === 'token') {
    const [, value] = parts;
    return value?.kind === 'string' ? [`t|${value.text}`] : undefined;
  }
  for (const [at, part] of parts.entries()) {
    const component = parameter.components[at]?.parameter;
    const terms = component === undefined ? undefined : termsOfValue(part, component, how);
    if (terms !== undefined) return terms;
  }
  return undefined;
}

function phoneticTerms(text: string): readonly string[] | undefined {
  const codes = phoneticCodes(text);
  return codes.length === 0 ? undefined : codes.map((code) => `p|${code}`);
}

function prefixTerm(text: string): readonly string[] | undefined {
  const length = PREFIX_LENGTHS.findLast((known) => known <= text.length);
  return length === undefined ? undefined : [`s|${text.slice(0, length)}`];
}
