import { type FhirTree, type FhirValue, isList, isTree, numberLiteral } from '../tree.ts';
import { type Item, numberOf } from './item.ts';

const TEMPORAL: ReadonlySet<string> = new Set(['date', 'dateTime', 'instant', 'time']);
const PARTS = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?)?)?)?(Z|[+-]\d\d:\d\d)?$/;
const TIME_PARTS = /^T?(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?$/;
/** Parts of a date and time that both sides of a comparison must have before their time zones matter. */
const ZONED_PARTS = 4;

/** Less than, equal (0), greater than; `undefined` where FHIRPath 2.0.0 §6.2 leaves it open. */
export function compareItems(left: Item, right: Item): number | undefined {
  if (left.value === null || right.value === null) return undefined;
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== undefined && b !== undefined) return Math.sign(a - b);
  if (typeof left.value === 'string' && typeof right.value === 'string') {
    if (TEMPORAL.has(left.type) || TEMPORAL.has(right.type)) return compareTimes(left.value, right.value);
    return left.value < right.value ? -1 : left.value > right.value ? 1 : 0;
  }
  if (isTree(left.value) && isTree(right.value)) return compareQuantities(left.value, right.value);
  return undefined;
}

/** Dates and times compare part by part; a part that only one side has leaves the answer open (§6.2). */
export function compareTimes(left: string, right: string): number | undefined {
  const a = partsOf(left);
  const b = partsOf(right);
  if (a === undefined || b === undefined) return undefined;
  if (a.length !== b.length || a.length < ZONED_PARTS) return comparePartwise(a, b);
  const [x, y] = [Date.parse(withZone(left)), Date.parse(withZone(right))];
  return Number.isNaN(x) || Number.isNaN(y) ? comparePartwise(a, b) : Math.sign(x - y);
}

function comparePartwise(a: readonly number[], b: readonly number[]): number | undefined {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return Math.sign(difference);
  }
  return a.length === b.length ? 0 : undefined;
}

function partsOf(text: string): readonly number[] | undefined {
  const match = PARTS.exec(text)?.slice(1, 7) ?? TIME_PARTS.exec(text)?.slice(1);
  return match?.filter((part) => part !== undefined).map(Number);
}

function withZone(text: string): string {
  return text.includes('T') && !/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? `${text}Z` : text;
}

function compareQuantities(left: FhirTree, right: FhirTree): number | undefined {
  const [a, b] = [numberLiteral(left.value), numberLiteral(right.value)];
  if (a === undefined || b === undefined) return undefined;
  if (left.system !== right.system || (left.code ?? left.unit) !== (right.code ?? right.unit)) return undefined;
  return Math.sign(Number(a) - Number(b));
}

/** FHIRPath's `=` of two items: values, not literals, so 1.50 = 1.5. */
export function sameItem(left: Item, right: Item): boolean | undefined {
  if (typeof left.value === 'string' && typeof right.value === 'string') {
    if (TEMPORAL.has(left.type) && TEMPORAL.has(right.type)) {
      const order = compareTimes(left.value, right.value);
      return order === undefined ? undefined : order === 0;
    }
    return left.value === right.value;
  }
  return equalValues(left.value, right.value);
}

function equalValues(a: FhirValue | undefined, b: FhirValue | undefined): boolean {
  if (a === b) return true;
  const [x, y] = [numberLiteral(a), numberLiteral(b)];
  if (x !== undefined || y !== undefined) return x !== undefined && y !== undefined && Number(x) === Number(y);
  if (isList(a) && isList(b)) return a.length === b.length && a.every((item, index) => equalValues(item, b[index]));
  if (!isTree(a) || !isTree(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equalValues(a[key], b[key]))
  );
}

/** A key under which equal primitive items fall together, for sets; `undefined` for objects. */
export function keyOfItem({ value }: Item): string | undefined {
  if (typeof value === 'string') return `s${value}`;
  const literal = numberLiteral(value);
  if (literal !== undefined) return `n${Number(literal)}`;
  return typeof value === 'boolean' ? `b${value}` : undefined;
}
