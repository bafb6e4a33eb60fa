import { isTree } from '../tree.ts';
import { isOfType } from '../validation/type-plan.ts';
import { keyOfItem, sameItem } from './compare.ts';
import { allChildren, booleanItem, childrenOf, FALSE, type Item, type Items, NONE, numberOf, TRUE } from './item.ts';

/** Items that one evaluation may gather from `descendants()`: more than any resource that the size limits let in. */
const DESCENDANTS_MAX = 2_000_000;

/** A function whose arguments are evaluated once, before it runs (FHIRPath 2.0.0 §5, FHIR R4 §2.9.1). */
export type PlainFunction = (focus: Items, args: readonly Items[]) => Items;

export const PLAIN_FUNCTIONS: ReadonlyMap<string, PlainFunction> = new Map<string, PlainFunction>([
  ['empty', (focus) => booleanItem(focus.length === 0)],
  ['not', (focus) => (focus.length === 0 ? NONE : booleanItem(!truthOf(focus)))],
  ['hasValue', (focus) => booleanItem(focus.length === 1 && focus[0]?.value !== null && !isTree(focus[0]?.value))],
  ['count', (focus) => [{ value: focus.length, type: 'integer' }]],
  ['first', (focus) => focus.slice(0, 1)],
  ['last', (focus) => focus.slice(-1)],
  ['tail', (focus) => focus.slice(1)],
  ['single', (focus) => focus.slice(0, 1)],
  ['skip', (focus, [n]) => focus.slice(integerOf(n))],
  ['take', (focus, [n]) => focus.slice(0, Math.max(0, integerOf(n)))],
  ['children', (focus) => focus.flatMap(allChildren)],
  ['descendants', descendantsOf],
  ['distinct', distinctOf],
  ['isDistinct', (focus) => booleanItem(distinctOf(focus).length === focus.length)],
  ['union', (focus, [other = NONE]) => unionOf(focus, other)],
  ['combine', (focus, [other = NONE]) => [...focus, ...other]],
  ['intersect', (focus, [other = NONE]) => distinctOf(focus.filter((item) => isIn(item, other)))],
  ['exclude', (focus, [other = NONE]) => focus.filter((item) => !isIn(item, other))],
  ['subsetOf', (focus, [other = NONE]) => booleanItem(focus.every((item) => isIn(item, other)))],
  ['supersetOf', (focus, [other = NONE]) => booleanItem(other.every((item) => isIn(item, focus)))],
  ['allTrue', (focus) => booleanItem(focus.every(({ value }) => value === true))],
  ['anyTrue', (focus) => booleanItem(focus.some(({ value }) => value === true))],
  ['allFalse', (focus) => booleanItem(focus.every(({ value }) => value === false))],
  ['anyFalse', (focus) => booleanItem(focus.some(({ value }) => value === false))],
  ['startsWith', ofStrings((text, part) => text.startsWith(part))],
  ['endsWith', ofStrings((text, part) => text.endsWith(part))],
  ['contains', ofStrings((text, part) => text.includes(part))],
  ['matches', ofStrings((text, pattern) => regularExpression(pattern).test(text))],
  ['indexOf', ofStrings((text, part) => text.indexOf(part))],
  ['length', ofString((text) => text.length)],
  ['upper', ofString((text) => text.toUpperCase())],
  ['lower', ofString((text) => text.toLowerCase())],
  ['trim', ofString((text) => text.trim())],
  ['substring', substringOf],
  ['replace', replaced((part) => part)],
  ['replaceMatches', replaced(regularExpression)],
  ['toString', (focus) => focus.slice(0, 1).flatMap(asString)],
  ['toInteger', (focus) => focus.slice(0, 1).flatMap(asInteger)],
  ['toDecimal', (focus) => focus.slice(0, 1).flatMap(asInteger)],
  ['extension', (focus, [url]) => focus.flatMap((item) => extensionsOf(item, url))],
  ['trace', (focus) => focus],
  // The narrative is checked as markup, by narrative.ts, before any rule is evaluated.
  ['htmlChecks', () => TRUE],
]);

/** Does a criterion hold? One item that is no Boolean counts as true (§4.5, singleton evaluation); nothing as false. */
export function truthOf(items: Items): boolean {
  const [first] = items;
  return first !== undefined && first.value !== false;
}

export function ofTypeItems(focus: Items, type: string): Items {
  return focus.filter((item) => isOfType(item.type, type));
}

export function isIn(item: Item, items: Items): boolean {
  return items.some((other) => sameItem(item, other) === true);
}

export function unionOf(left: Items, right: Items): Items {
  if (left.length + right.length < 2) return left.length === 0 ? right : left;
  return distinctOf([...left, ...right]);
}

/** Primitives by a set; objects one by one, of which R4's rules gather few. */
export function distinctOf(items: Items): Items {
  const keys = new Set<string>();
  const objects: Item[] = [];
  return items.filter((item) => {
    const key = keyOfItem(item);
    if (key !== undefined) {
      const seen = keys.has(key);
      keys.add(key);
      return !seen;
    }
    if (isIn(item, objects)) return false;
    objects.push(item);
    return true;
  });
}

function descendantsOf(focus: Items): Items {
  const found: Item[] = focus.flatMap(allChildren);
  for (let at = 0; at < found.length && found.length < DESCENDANTS_MAX; at++) {
    for (const child of allChildren(found[at] as Item)) found.push(child);
  }
  return found;
}

function integerOf(items: Items | undefined): number {
  return items?.[0] === undefined ? 0 : (numberOf(items[0]) ?? 0);
}

function ofString(compute: (text: string) => string | number): PlainFunction {
  return ([first]) => (typeof first?.value === 'string' ? result(compute(first.value)) : NONE);
}

function ofStrings(compute: (text: string, part: string) => boolean | number): PlainFunction {
  return ([first], [argument]) => {
    const part = argument?.[0]?.value;
    return typeof first?.value === 'string' && typeof part === 'string' ? result(compute(first.value, part)) : NONE;
  };
}

function result(value: string | number | boolean): Items {
  if (typeof value === 'boolean') return value ? TRUE : FALSE;
  return [{ value, type: typeof value === 'string' ? 'string' : 'integer' }];
}

function substringOf([first]: Items, [start, length]: readonly Items[]): Items {
  if (typeof first?.value !== 'string') return NONE;
  const from = integerOf(start);
  if (from < 0 || from >= first.value.length) return NONE;
  return result(first.value.slice(from, length === undefined ? undefined : from + integerOf(length)));
}

function replaced(patternOf: (text: string) => string | RegExp): PlainFunction {
  return ([first], [from, to]) => {
    const [pattern, text] = [from?.[0]?.value, to?.[0]?.value];
    if (typeof first?.value !== 'string' || typeof pattern !== 'string' || typeof text !== 'string') return NONE;
    return result(first.value.replaceAll(asGlobal(patternOf(pattern)), text));
  };
}

function asGlobal(pattern: string | RegExp): string | RegExp {
  return typeof pattern === 'string' ? pattern : new RegExp(pattern.source, 'g');
}

const expressions = new Map<string, RegExp>();

/** Only the definitions' own patterns come here: no resource brings one that is evaluated. */
function regularExpression(pattern: string): RegExp {
  let compiled = expressions.get(pattern);
  if (compiled === undefined) {
    compiled = new RegExp(pattern);
    expressions.set(pattern, compiled);
  }
  return compiled;
}

function asString({ value }: Item): Items {
  if (value === null || isTree(value) || Array.isArray(value)) return NONE;
  return [{ value: typeof value === 'string' ? value : JSON.stringify(value), type: 'string' }];
}

function asInteger(item: Item): Items {
  const number =
    numberOf(item) ??
    (typeof item.value === 'string' && /^[+-]?\d+$/.test(item.value) ? Number(item.value) : undefined);
  return number === undefined ? NONE : [{ value: number, type: 'integer' }];
}

function extensionsOf(item: Item, url: Items | undefined): Items {
  const wanted = url?.[0]?.value;
  return childrenOf(item, 'extension').filter(({ value }) => isTree(value) && value.url === wanted);
}
