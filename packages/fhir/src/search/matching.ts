import { Decimal } from 'decimal.js';
import { UCUM } from '../terminology/ucum.ts';
import type { FhirTree } from '../tree.ts';
import type { Filter, Modifier } from './filter.ts';
import { foldText } from './fold-text.ts';
import type { Period } from './period.ts';
import { isPhonetic, soundsLike } from './phonetic.ts';
import type { NumberRange, Prefix, SearchValue } from './search-value.ts';
import { type SearchableValue, searchableValues } from './searchable-values.ts';
import { unitConversion } from './unit-conversion.ts';

/** Filters that a resource answers by itself; chains need others, which the repository finds. */
export type OwnFilter = Extract<Filter, { kind: 'values' | 'missing' }>;

/** R4 §3.1.1.4.9: what `ap` adds on both sides, as a part of the value, or of the time to now. */
const APPROXIMATELY = 0.1;

/** Does the resource satisfy the filter? `nowMs` is what `ap` measures a date's distance from. */
export function matchesFilter(tree: FhirTree, filter: OwnFilter, nowMs: number): boolean {
  const values = searchableValues(tree, filter.parameter);
  if (filter.kind === 'missing') return filter.missing === (values.length === 0);
  const { alternatives, modifier, parameter } = filter;
  if (isPhonetic(parameter)) return alternatives.some((wanted) => soundsLikeOne(values, wanted));
  const how = { modifier, nowMs };
  const found = alternatives.some((wanted) => values.some((value) => matchesValue(value, wanted, how)));
  // R4 §3.1.1.4.5: `:not` holds where no value is one of them, also where there is none.
  return modifier === 'not' ? !found : found;
}

/** R4 leaves to the server how it compares sounds: every word that is wanted is one of the name's, in whatever part and order. */
function soundsLikeOne(values: readonly SearchableValue[], wanted: SearchValue): boolean {
  const words = values.flatMap((value) => (value.kind === 'string' ? [value.text] : []));
  return wanted.kind === 'string' && soundsLike(words.join(' '), wanted.text);
}

type How = { readonly modifier: Modifier | undefined; readonly nowMs: number };

function matchesValue(value: SearchableValue, wanted: SearchValue, how: How): boolean {
  switch (value.kind) {
    case 'string':
      return wanted.kind === 'string' && matchesText(value.text, wanted.text, how.modifier);
    case 'token':
      return matchesToken(value, wanted, how.modifier);
    case 'reference':
      return matchesReference(value, wanted, how.modifier);
    case 'uri':
      return matchesUri(value.uri, wanted, how.modifier);
    case 'date':
      return wanted.kind === 'date' && matchesPeriod(value, wanted, how.nowMs);
    case 'number':
      return wanted.kind === 'number' && matchesNumber({ low: value.value, high: value.value }, wanted);
    case 'quantity':
      return wanted.kind === 'quantity' && matchesQuantity(value, wanted);
    case 'composite':
      return (
        wanted.kind === 'composite' &&
        wanted.parts.every((part, index) =>
          (value.parts[index] ?? []).some((component) =>
            matchesValue(component, part, { ...how, modifier: undefined }),
          ),
        )
      );
  }
}

/** R4 §3.1.1.4.6: starts with, whatever case and accents; `:contains` anywhere; `:exact` as it is written. */
function matchesText(text: string, wanted: string, modifier: Modifier | undefined): boolean {
  if (modifier === 'exact') return text === wanted;
  const [folded, part] = [foldText(text), foldText(wanted)];
  return modifier === 'contains' ? folded.includes(part) : folded.startsWith(part);
}

function matchesToken(
  value: Extract<SearchableValue, { kind: 'token' }>,
  wanted: SearchValue,
  modifier: Modifier | undefined,
): boolean {
  if (modifier === 'text') {
    const text = wanted.kind === 'token' ? (wanted.code ?? '') : '';
    return value.text.some((word) => matchesText(word, text, undefined));
  }
  if (modifier === 'of-type' && wanted.kind === 'composite') {
    const [type, text] = wanted.parts;
    const ofType = value.types.some(
      (coding) => type?.kind === 'token' && isToken(coding.system ?? null, coding.code, type),
    );
    return ofType && text?.kind === 'string' && value.code === text.text;
  }
  return wanted.kind === 'token' && isToken(value.system, value.code, wanted);
}

function isToken(
  system: string | null | undefined,
  code: string | undefined,
  wanted: Extract<SearchValue, { kind: 'token' }>,
): boolean {
  const ofSystem = wanted.system === undefined || system === undefined || system === wanted.system;
  return ofSystem && (wanted.code === undefined ? system !== undefined : code === wanted.code);
}

function matchesReference(
  value: Extract<SearchableValue, { kind: 'reference' }>,
  wanted: SearchValue,
  modifier: Modifier | undefined,
): boolean {
  const { reference, type, id, identifier } = value;
  if (modifier === 'identifier') {
    return (
      wanted.kind === 'token' &&
      identifier !== undefined &&
      isToken(identifier.system ?? null, identifier.value, wanted)
    );
  }
  if (wanted.kind === 'url') return reference === wanted.url || reference?.startsWith(`${wanted.url}|`) === true;
  return wanted.kind === 'reference' && id === wanted.id && (wanted.type === undefined || type === wanted.type);
}

/** R4 §3.1.1.4.13: the whole, `:below` what lies under it, `:above` what it lies under. */
function matchesUri(uri: string, wanted: SearchValue, modifier: Modifier | undefined): boolean {
  if (wanted.kind !== 'uri') return false;
  if (modifier === 'below') return isUnder(uri, wanted.uri);
  if (modifier === 'above') return isUnder(wanted.uri, uri);
  return uri === wanted.uri;
}

function isUnder(uri: string, above: string): boolean {
  return uri === above || uri.startsWith(above.endsWith('/') ? above : `${above}/`);
}

/** R4 §3.1.1.4.8: what the resource says is a range too, and its bounds decide. */
function matchesPeriod(value: Period, wanted: Period & { readonly prefix: Prefix }, nowMs: number): boolean {
  const inside = value.startMs >= wanted.startMs && value.endMs <= wanted.endMs;
  switch (wanted.prefix) {
    case 'eq':
      return inside;
    case 'ne':
      return !inside;
    case 'gt':
      return value.endMs > wanted.endMs;
    case 'lt':
      return value.startMs < wanted.startMs;
    case 'ge':
      return inside || value.endMs > wanted.endMs;
    case 'le':
      return inside || value.startMs < wanted.startMs;
    case 'sa':
      return value.startMs >= wanted.endMs;
    case 'eb':
      return value.endMs <= wanted.startMs;
    case 'ap': {
      const margin = Math.abs(nowMs - wanted.startMs) * APPROXIMATELY;
      return value.startMs < wanted.endMs + margin && value.endMs > wanted.startMs - margin;
    }
  }
}

/** R4 §3.1.1.4.9: equality by the precision of what was asked, order by its value. */
function matchesNumber(
  { low, high }: Pick<NumberRange, 'low' | 'high'>,
  wanted: NumberRange & { readonly prefix: Prefix },
): boolean {
  const { value } = wanted;
  const inside = low.gte(wanted.low) && (low.eq(high) ? high.lt(wanted.high) : high.lte(wanted.high));
  switch (wanted.prefix) {
    case 'eq':
      return inside;
    case 'ne':
      return !inside;
    case 'gt':
      return high.gt(value);
    case 'lt':
      return low.lt(value);
    case 'ge':
      return high.gte(value);
    case 'le':
      return low.lte(value);
    case 'sa':
      return low.gt(value);
    case 'eb':
      return high.lt(value);
    case 'ap': {
      const margin = Decimal.max(value.abs().times(APPROXIMATELY), wanted.high.minus(value));
      return low.lte(value.plus(margin)) && high.gte(value.minus(margin));
    }
  }
}

/** In the unit that was asked for, or in another that measures the same. */
function matchesQuantity(
  value: Extract<SearchableValue, { kind: 'quantity' }>,
  wanted: Extract<SearchValue, { kind: 'quantity' }>,
): boolean {
  if (isOfUnit(value, wanted)) return matchesNumber(value, wanted);
  if (wanted.system !== UCUM || value.system !== UCUM || wanted.code === undefined || value.code === undefined)
    return false;
  const convert = unitConversion(wanted.code, value.code);
  if (convert === undefined) return false;
  const { value: number, low, high } = wanted;
  return matchesNumber(value, {
    prefix: wanted.prefix,
    value: convert(number),
    low: convert(low),
    high: convert(high),
  });
}

/** A unit without system is compared with what people read as well (R4 §3.1.1.4.11). */
function isOfUnit(
  value: Extract<SearchableValue, { kind: 'quantity' }>,
  { system, code }: Extract<SearchValue, { kind: 'quantity' }>,
): boolean {
  if (code === undefined) return system === undefined || value.system === system;
  if (system === undefined) return value.code === code || value.unit === code;
  return value.system === system && value.code === code;
}
