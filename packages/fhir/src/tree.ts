/**
 * A FHIR resource as parsed: ordinary JSON values, except that a number whose literal JavaScript would print
 * differently (`1.50`, `0.010`, `1e5`, twenty digits) is a `RawNumber`. FHIR R4 §2.6.2 (json.html#primitive): "the
 * precision of the decimal value has significance", so 1.50 and 1.5 are two values.
 *
 * `JSON.stringify` prints both kinds as they were read (ECMA-262 `JSON.rawJSON`). A `RawNumber` cannot be forged by
 * input, because the engine marks it by an internal slot, and for the same reason does not survive `structuredClone`
 * or `postMessage`: between threads send text.
 */
export interface RawNumber {
  readonly rawJSON: string;
}

export type FhirValue = string | number | boolean | null | RawNumber | readonly FhirValue[] | FhirTree;

export interface FhirTree {
  readonly [element: string]: FhirValue | undefined;
}

declare global {
  // TypeScript's library does not yet describe JSON.parse source text access (ECMA-262, stage 4).
  interface JSON {
    rawJSON(text: string): RawNumber;
    isRawJSON(value: unknown): value is RawNumber;
  }
}

/** The value of a number literal: a JavaScript number if that prints the same, else the literal itself. */
export function numberFromLiteral(literal: string): number | RawNumber {
  const number = Number(literal);
  return String(number) === literal ? number : JSON.rawJSON(literal);
}

/** The literal of a number, `undefined` for everything else. */
export function numberLiteral(value: unknown): string | undefined {
  if (typeof value === 'number') return JSON.stringify(value);
  return JSON.isRawJSON(value) ? value.rawJSON : undefined;
}

export function isTree(value: unknown): value is FhirTree {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value);
}

export function isList(value: unknown): value is readonly FhirValue[] {
  return Array.isArray(value);
}

/** A value that may be absent, one or many, as a list. */
export function listOf(value: FhirValue | undefined): readonly FhirValue[] {
  if (value === undefined) return [];
  return isList(value) ? value : [value];
}

export function stringOf(value: FhirValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The JSON text of a tree, every number as its literal. */
export function stringifyFhirJson(tree: FhirTree): string {
  return JSON.stringify(tree);
}

/**
 * The tree with every number as a JavaScript number, for code that knows nothing of literals: to compute and to
 * validate, never to store. Returns the same objects where nothing had to change.
 */
export function toPlain(tree: FhirTree): FhirTree {
  return plain(tree) as FhirTree;
}

function plain(value: FhirValue): FhirValue {
  if (typeof value !== 'object' || value === null) return value;
  if (isList(value)) {
    const items = value.map(plain);
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (JSON.isRawJSON(value)) return Number(value.rawJSON);
  let copy: Record<string, FhirValue> | undefined;
  for (const [element, child] of Object.entries(value)) {
    if (child === undefined) continue;
    const changed = plain(child);
    if (changed === child) continue;
    copy ??= { ...value } as Record<string, FhirValue>;
    copy[element] = changed;
  }
  return copy ?? (value as FhirTree);
}

/** Are two values the same JSON, whatever the order of keys, with the same number literals? */
export function sameValue(a: FhirValue | undefined, b: FhirValue | undefined): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (isList(a) || isList(b)) {
    return isList(a) && isList(b) && a.length === b.length && a.every((item, index) => sameValue(item, b[index]));
  }
  if (JSON.isRawJSON(a) || JSON.isRawJSON(b)) {
    return JSON.isRawJSON(a) && JSON.isRawJSON(b) && a.rawJSON === b.rawJSON;
  }
  const left = a as FhirTree;
  const right = b as FhirTree;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && sameValue(left[key], right[key]))
  );
}
