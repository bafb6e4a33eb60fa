import { evalFhirPathTyped, type FhirPathAtom, parseFhirPath, type TypedValue, toTypedValue } from '@medplum/core';
import type { Resource } from '@medplum/fhirtypes';
import { Decimal } from 'decimal.js';
import { loadDefinitions } from '../definitions.ts';
import { parseReference } from '../reference.ts';
import { type FhirTree, isTree, numberLiteral, toPlain } from '../tree.ts';
import { compileElementPath, type ElementWalk, type TypedElement } from './element-path.ts';
import { type Period, parsePeriod } from './period.ts';
import type { SearchParameter } from './search-parameter.ts';

/** What a resource says for one search parameter. An end that is open is `-Infinity` or `Infinity`. */
export type SearchableValue =
  | { readonly kind: 'number'; readonly value: Decimal }
  | ({ readonly kind: 'date' } & Period)
  | { readonly kind: 'string'; readonly text: string }
  /** `system`: null for none, undefined where the element implies one (a `code`, a boolean). */
  | {
      readonly kind: 'token';
      readonly system: string | null | undefined;
      readonly code: string | undefined;
      readonly text: readonly string[];
      /** Of an identifier. */
      readonly types: readonly { readonly system: string | undefined; readonly code: string | undefined }[];
    }
  | {
      readonly kind: 'reference';
      readonly reference: string | undefined;
      readonly type: string | undefined;
      readonly id: string | undefined;
      readonly identifier: { readonly system: string | undefined; readonly value: string | undefined } | undefined;
    }
  | {
      readonly kind: 'quantity';
      readonly low: Decimal;
      readonly high: Decimal;
      readonly system: string | undefined;
      readonly code: string | undefined;
      readonly unit: string | undefined;
    }
  | { readonly kind: 'uri'; readonly uri: string }
  /** One element of a composite: the values of each component in it. */
  | { readonly kind: 'composite'; readonly parts: readonly (readonly SearchableValue[])[] };

/** Values that one parameter of one resource has at most; further ones are not found by it. */
export const SEARCHABLE_VALUES_MAX = 1_000;

type Fields = { readonly [element: string]: unknown };

const INFINITY = new Decimal(Number.POSITIVE_INFINITY);
const atoms = new Map<string, FhirPathAtom>();
/** By type and expression; null for those that the general evaluator takes. Bounded by the definitions. */
const walks = new Map<string, Map<string, ElementWalk | null>>();

/** The values of a parameter in a resource, by its FHIRPath; elements of types that the parameter's type cannot hold have none. */
export function searchableValues(tree: FhirTree, parameter: SearchParameter): readonly SearchableValue[] {
  if (parameter.expression === '') return [];
  const root = { type: stringAt(tree, 'resourceType') ?? '', value: tree };
  const values = valuesAt(parameter, evaluate(parameter.expression, root));
  return values.length > SEARCHABLE_VALUES_MAX ? values.slice(0, SEARCHABLE_VALUES_MAX) : values;
}

function valuesAt(parameter: SearchParameter, elements: readonly TypedElement[]): readonly SearchableValue[] {
  return elements.flatMap((typed) =>
    parameter.type === 'composite' ? compositeOf(parameter, typed) : valuesOf(parameter, typed),
  );
}

function compositeOf({ components }: SearchParameter, typed: TypedElement): readonly SearchableValue[] {
  const parts = components.map(({ parameter, expression }) => valuesAt(parameter, evaluate(expression, typed)));
  return parts.every((values) => values.length > 0) ? [{ kind: 'composite', parts }] : [];
}

function evaluate(expression: string, root: TypedElement): readonly TypedElement[] {
  let ofType = walks.get(root.type);
  if (ofType === undefined) {
    ofType = new Map();
    walks.set(root.type, ofType);
  }
  let walk = ofType.get(expression);
  if (walk === undefined) {
    walk = compileElementPath(expression, root.type) ?? null;
    ofType.set(expression, walk);
  }
  return walk === null ? evaluateAny(expression, root) : walk(root.value);
}

/** The few expressions that are more than a path. */
function evaluateAny(expression: string, { type, value }: TypedElement): readonly TypedValue[] {
  loadDefinitions();
  let atom = atoms.get(expression);
  if (atom === undefined) {
    atom = parseFhirPath(expression);
    atoms.set(expression, atom);
  }
  const plain = isTree(value) ? toPlain(value) : value;
  const isResource = isTree(plain) && plain.resourceType !== undefined;
  return evalFhirPathTyped(atom, [isResource ? toTypedValue(plain as unknown as Resource) : { type, value: plain }]);
}

function valuesOf({ type }: SearchParameter, typed: TypedElement): readonly SearchableValue[] {
  const value: unknown = typed.value;
  if (value === undefined || value === null) return [];
  const fields = (typeof value === 'object' ? value : {}) as Fields;
  switch (type) {
    case 'number':
      return numbersOf(value);
    case 'date':
      return typeof value === 'string' ? periodOf(value) : datesOf(fields);
    case 'string':
      return typeof value === 'string' ? [text(value)] : stringsOf(fields);
    case 'token':
      return isScalar(value) ? [token(undefined, String(value))] : tokensOf(typed.type, fields);
    case 'reference':
      return typeof value === 'string' ? [referenceOf({ reference: value })] : [referenceOf(fields)];
    case 'quantity':
      return quantitiesOf(fields);
    case 'uri':
      return typeof value === 'string' ? [{ kind: 'uri', uri: value }] : [];
    case 'composite':
    case 'special':
      return [];
  }
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function numbersOf(value: unknown): readonly SearchableValue[] {
  const literal = numberLiteral(value);
  return literal === undefined ? [] : [{ kind: 'number', value: new Decimal(literal) }];
}

function periodOf(text: string): readonly SearchableValue[] {
  const period = parsePeriod(text);
  return period === undefined ? [] : [{ kind: 'date', ...period }];
}

/** A Period from the start of its start to the end of its end, and a Timing over all its events (R4 §3.1.1.4.8). */
function datesOf(value: Fields): readonly SearchableValue[] {
  const events = stringsAt(value, 'event').flatMap((event) => parsePeriod(event) ?? []);
  const bounds = (value.repeat as Fields | undefined)?.boundsPeriod as Fields | undefined;
  const { start, end } = (bounds ?? value) as { readonly start?: string; readonly end?: string };
  if (start === undefined && end === undefined) {
    if (events.length === 0) return [];
    const startMs = Math.min(...events.map((event) => event.startMs));
    return [{ kind: 'date', startMs, endMs: Math.max(...events.map((event) => event.endMs)) }];
  }
  const [from, to] = [start, end].map((date) => (date === undefined ? undefined : parsePeriod(date)));
  return [
    { kind: 'date', startMs: from?.startMs ?? Number.NEGATIVE_INFINITY, endMs: to?.endMs ?? Number.POSITIVE_INFINITY },
  ];
}

const NAME_PARTS = ['text', 'family', 'given', 'prefix', 'suffix'];
const ADDRESS_PARTS = ['text', 'line', 'city', 'district', 'state', 'postalCode', 'country'];

/** Each part of a name or an address is one string (R4 §3.1.1.4.6). */
function stringsOf(value: Fields): readonly SearchableValue[] {
  return [...new Set([...NAME_PARTS, ...ADDRESS_PARTS])].flatMap((part) => stringsAt(value, part)).map(text);
}

/** R4 §3.1.1.4.10 tells which part of each type is its system and which its code. */
function tokensOf(type: string, value: Fields): readonly SearchableValue[] {
  switch (type) {
    case 'CodeableConcept': {
      const words = stringsAt(value, 'text');
      const tokens = fieldsAt(value, 'coding').map((coding) => codingToken(coding, words));
      return tokens.length > 0 ? tokens : [token(null, undefined, words)];
    }
    case 'Coding':
      return [codingToken(value, [])];
    case 'Identifier': {
      const [concept] = fieldsAt(value, 'type');
      const types = fieldsAt(concept ?? {}, 'coding').map((coding) => ({
        system: stringAt(coding, 'system'),
        code: stringAt(coding, 'code'),
      }));
      const words = concept === undefined ? [] : stringsAt(concept, 'text');
      const system = stringAt(value, 'system') ?? null;
      return [{ kind: 'token', system, code: stringAt(value, 'value'), text: words, types }];
    }
    case 'ContactPoint':
      return contactTokens(stringAt(value, 'value'));
    default:
      return [];
  }
}

/** Its system says how somebody is reached, not whose code it is. A telephone number is found by its digits alone as well. */
function contactTokens(value: string | undefined): readonly SearchableValue[] {
  const digits =
    value === undefined || /[^\d\s()+./-]/.test(value) ? '' : value.replaceAll(/\D/g, '').replace(/^00/, '');
  return [...new Set([value, ...(digits === '' ? [] : [digits])])].map((code) => token(undefined, code));
}

function codingToken(coding: Fields, words: readonly string[]): SearchableValue {
  const text = [...stringsAt(coding, 'display'), ...words];
  return token(stringAt(coding, 'system') ?? null, stringAt(coding, 'code'), text);
}

function referenceOf(value: Fields): SearchableValue {
  const reference = stringAt(value, 'reference');
  const parsed = reference === undefined ? undefined : parseReference(reference);
  const named = parsed?.kind === 'local' || parsed?.kind === 'absolute' ? parsed : undefined;
  const [identifier] = fieldsAt(value, 'identifier');
  return {
    kind: 'reference',
    reference,
    type: named?.type ?? stringAt(value, 'type'),
    // What stands below another base is found by its whole URL.
    id: named?.kind === 'local' ? named.id : undefined,
    identifier:
      identifier === undefined
        ? undefined
        : { system: stringAt(identifier, 'system'), value: stringAt(identifier, 'value') },
  };
}

/** Quantity, Money, Range and what is made like them; `<5` reaches down without end. */
function quantitiesOf(value: Fields): readonly SearchableValue[] {
  if (value.low !== undefined || value.high !== undefined) {
    const [low, high] = [value.low, value.high] as readonly (Fields | undefined)[];
    const unit = unitOf(low ?? high ?? {});
    return [{ kind: 'quantity', low: decimalAt(low) ?? INFINITY.neg(), high: decimalAt(high) ?? INFINITY, ...unit }];
  }
  const number = decimalAt(value);
  if (number === undefined) return [];
  const comparator = stringAt(value, 'comparator') ?? '';
  const low = comparator.startsWith('<') ? INFINITY.neg() : number;
  const high = comparator.startsWith('>') ? INFINITY : number;
  return [{ kind: 'quantity', low, high, ...unitOf(value) }];
}

function unitOf(value: Fields): { system: string | undefined; code: string | undefined; unit: string | undefined } {
  const currency = stringAt(value, 'currency');
  if (currency !== undefined) return { system: 'urn:iso:std:iso:4217', code: currency, unit: currency };
  return { system: stringAt(value, 'system'), code: stringAt(value, 'code'), unit: stringAt(value, 'unit') };
}

function decimalAt(value: Fields | undefined): Decimal | undefined {
  const literal = numberLiteral(value?.value);
  return literal === undefined ? undefined : new Decimal(literal);
}

function token(
  system: string | null | undefined,
  code: string | undefined,
  words: readonly string[] = [],
): SearchableValue {
  return { kind: 'token', system, code, text: words, types: [] };
}

function text(value: string): SearchableValue {
  return { kind: 'string', text: value };
}

function stringAt(value: Fields, element: string): string | undefined {
  const found = value[element];
  return typeof found === 'string' ? found : undefined;
}

function fieldsAt(value: Fields, element: string): readonly Fields[] {
  const found = value[element];
  const list: readonly unknown[] = Array.isArray(found) ? found : [found];
  return list.filter((item): item is Fields => typeof item === 'object' && item !== null);
}

function stringsAt(value: Fields, element: string): readonly string[] {
  const found = value[element];
  const list: readonly unknown[] = Array.isArray(found) ? found : [found];
  return list.filter((item) => typeof item === 'string');
}
