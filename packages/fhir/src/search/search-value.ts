import { Decimal } from 'decimal.js';
import { FHIR_ID } from '../reference.ts';
import { isResourceType, type ResourceType } from '../resource-table.ts';
import { type Period, parsePeriod } from './period.ts';
import type { SearchParameter } from './search-parameter.ts';
import { splitEscaped, unescapeValue } from './split.ts';

/** R4 §3.1.1.4.7. */
export const PREFIXES = ['eq', 'ne', 'gt', 'lt', 'ge', 'le', 'sa', 'eb', 'ap'] as const;
export type Prefix = (typeof PREFIXES)[number];

/** A number as it was written, and the range that its precision means: 5.4 is [5.35, 5.45). */
export interface NumberRange {
  readonly value: Decimal;
  readonly low: Decimal;
  readonly high: Decimal;
}

export type SearchValue =
  | ({ readonly kind: 'number'; readonly prefix: Prefix } & NumberRange)
  | ({ readonly kind: 'date'; readonly prefix: Prefix } & Period)
  | { readonly kind: 'string'; readonly text: string }
  /** `system`: undefined for any, null for none; `code`: undefined for any of the system. */
  | { readonly kind: 'token'; readonly system: string | null | undefined; readonly code: string | undefined }
  | {
      readonly kind: 'reference';
      /** What the value or the modifier says; undefined leaves it to the parameter's targets. */
      readonly type: ResourceType | undefined;
      readonly id: string;
    }
  /** A whole URL: another server's resource, or a canonical with its version. */
  | { readonly kind: 'url'; readonly url: string }
  | ({
      readonly kind: 'quantity';
      readonly prefix: Prefix;
      /** undefined for any, null for none. */
      readonly system: string | null | undefined;
      /** Code or unit; undefined for any. */
      readonly code: string | undefined;
    } & NumberRange)
  | { readonly kind: 'uri'; readonly uri: string }
  | { readonly kind: 'composite'; readonly parts: readonly SearchValue[] };

/** Longest single value. */
export const VALUE_LENGTH_MAX = 4_000;
/** Digits of a number before and after its point, and its exponent: more would buy computing time. */
const NUMBER = /^[+-]?[0-9]{1,40}(?:\.([0-9]{1,40}))?(?:[eE]([+-]?[0-9]{1,3}))?$/;
const URL_START = /^(?:[a-z][a-z0-9+.-]*:)/i;

/** A value of one alternative in the form of its parameter's type, or a sentence that says what was expected. */
export function parseSearchValue(
  parameter: SearchParameter,
  text: string,
  typeModifier?: ResourceType,
): SearchValue | string {
  if (text === '') return 'a value was expected';
  if (text.length > VALUE_LENGTH_MAX) return `a value has at most ${VALUE_LENGTH_MAX} characters`;
  switch (parameter.type) {
    case 'number': {
      const [prefix, rest] = splitPrefix(text);
      const range = parseNumber(rest);
      return range === undefined ? 'a number was expected' : { kind: 'number', prefix, ...range };
    }
    case 'date': {
      const [prefix, rest] = splitPrefix(text);
      const period = parsePeriod(rest);
      return period === undefined
        ? 'a date such as 2013-01-14 or 2013-01-14T10:00Z was expected'
        : { kind: 'date', prefix, ...period };
    }
    case 'string':
      return { kind: 'string', text: unescapeValue(text) };
    case 'token':
      return parseToken(text);
    case 'reference':
      return parseReferenceValue(unescapeValue(text), typeModifier);
    case 'quantity':
      return parseQuantity(text);
    case 'uri':
      return { kind: 'uri', uri: unescapeValue(text) };
    case 'composite':
      return parseComposite(parameter, text);
    case 'special':
      return 'this parameter is not supported';
  }
}

function splitPrefix(text: string): readonly [Prefix, string] {
  const prefix = PREFIXES.find((known) => text.startsWith(known));
  return prefix === undefined ? ['eq', text] : [prefix, text.slice(prefix.length)];
}

/** R4 §3.1.1.4.9: 100 means [99.5, 100.5), 100.00 [99.995, 100.005), and 1e2 [95, 105): an exponent brings a digit. */
export function parseNumber(text: string): NumberRange | undefined {
  const match = NUMBER.exec(text);
  if (match === null) return undefined;
  const [, decimals = '', exponent] = match;
  const value = new Decimal(text);
  const unit = exponent === undefined ? 0 : Number(exponent) - 1;
  const half = new Decimal(10).pow(unit - decimals.length).div(2);
  return { value, low: value.minus(half), high: value.plus(half) };
}

/** R4 §3.1.1.4.10: `code`, `system|code`, `|code`, `system|`. */
function parseToken(text: string): SearchValue | string {
  const parts = splitEscaped(text, '|').map(unescapeValue);
  const [first = '', second] = parts;
  if (parts.length > 2) return 'a token is code, system|code, |code or system|';
  if (second === undefined) return { kind: 'token', system: undefined, code: first };
  if (first === '' && second === '') return 'a token names a code or a system';
  return { kind: 'token', system: first === '' ? null : first, code: second === '' ? undefined : second };
}

/** R4 §3.1.1.4.12: `id`, `Type/id`, or a whole URL. */
function parseReferenceValue(text: string, typeModifier: ResourceType | undefined): SearchValue | string {
  const [type = '', id, ...rest] = text.split('/');
  if (id === undefined && FHIR_ID.test(text)) return { kind: 'reference', type: typeModifier, id: text };
  if (id !== undefined && rest.length === 0 && isResourceType(type) && FHIR_ID.test(id)) {
    if (typeModifier !== undefined && typeModifier !== type) return 'modifier and value name different types';
    return { kind: 'reference', type, id };
  }
  return URL_START.test(text) ? { kind: 'url', url: text } : 'a reference is id, Type/id or a URL';
}

/** R4 §3.1.1.4.11: `number`, `number|system|code`, `number||code`. */
function parseQuantity(text: string): SearchValue | string {
  const [first = '', system, code, ...rest] = splitEscaped(text, '|').map(unescapeValue);
  const [prefix, number] = splitPrefix(first);
  const range = parseNumber(number);
  if (range === undefined || rest.length > 0 || (system !== undefined && code === undefined)) {
    return 'a quantity is number, number|system|code or number||code';
  }
  return {
    kind: 'quantity',
    prefix,
    ...range,
    // `5.4||mg` asks for the unit alone, whatever its system.
    system: system === undefined || system === '' ? undefined : system,
    code: code === undefined || code === '' ? undefined : code,
  };
}

function parseComposite({ components }: SearchParameter, text: string): SearchValue | string {
  const texts = splitEscaped(text, '$');
  if (texts.length !== components.length) return `${components.length} values with $ between them were expected`;
  const parts: SearchValue[] = [];
  for (const [index, part] of texts.entries()) {
    const value = parseSearchValue(components[index]!.parameter, part);
    if (typeof value === 'string') return value;
    parts.push(value);
  }
  return { kind: 'composite', parts };
}
