import { compareItems, sameItem } from './compare.ts';
import { isIn, truthOf, unionOf } from './functions.ts';
import { booleanItem, FALSE, type Item, type Items, NONE, numberOf, TRUE } from './item.ts';

/** Three-valued logic (§6.5): `undefined` is "empty". */
export type State = boolean | undefined;

export function stateOf(items: Items): State {
  return items.length === 0 ? undefined : truthOf(items);
}

export function itemsOf(state: State): Items {
  if (state === undefined) return NONE;
  return state ? TRUE : FALSE;
}

/** Operators whose right side may not need to be known. */
export const LAZY: Readonly<Record<string, (a: State, right: () => State) => State>> = {
  and: (a, right) => {
    if (a === false) return false;
    const b = right();
    return b === false ? false : a === undefined || b === undefined ? undefined : true;
  },
  or: (a, right) => {
    if (a === true) return true;
    const b = right();
    return b === true ? true : a === undefined || b === undefined ? undefined : false;
  },
  xor: (a, right) => {
    const b = right();
    return a === undefined || b === undefined ? undefined : a !== b;
  },
  implies: (a, right) => {
    if (a === false) return true;
    const b = right();
    return b === true ? true : a === undefined || b === undefined ? undefined : false;
  },
};

/** Operators over both sides (FHIRPath 2.0.0 §6). */
export const OPERATORS: Readonly<Record<string, (a: Items, b: Items) => Items>> = {
  '|': unionOf,
  '=': (a, b) => itemsOf(equal(a, b)),
  '!=': (a, b) => itemsOf(inverse(equal(a, b))),
  '~': (a, b) => booleanItem(equal(a, b) ?? a.length === b.length),
  '!~': (a, b) => booleanItem(!(equal(a, b) ?? a.length === b.length)),
  '<': (a, b) => ordered(a, b, (order) => order < 0),
  '<=': (a, b) => ordered(a, b, (order) => order <= 0),
  '>': (a, b) => ordered(a, b, (order) => order > 0),
  '>=': (a, b) => ordered(a, b, (order) => order >= 0),
  in: (a, b) => (a[0] === undefined ? NONE : booleanItem(isIn(a[0], b))),
  contains: (a, b) => (b[0] === undefined ? NONE : booleanItem(isIn(b[0], a))),
  '&': (a, b) => [{ value: textOf(a) + textOf(b), type: 'string' }],
  '+': plus,
  '-': (a, b) => computed(a, b, (x, y) => x - y),
  '*': (a, b) => computed(a, b, (x, y) => x * y),
  '/': (a, b) => computed(a, b, (x, y) => x / y),
  div: (a, b) => computed(a, b, (x, y) => Math.trunc(x / y)),
  mod: (a, b) => computed(a, b, (x, y) => x % y),
};

function equal(a: Items, b: Items): State {
  if (a.length === 0 || b.length === 0) return undefined;
  if (a.length !== b.length) return false;
  let state: State = true;
  for (const [index, item] of a.entries()) {
    const same = sameItem(item, b[index] as Item);
    if (same === false) return false;
    if (same === undefined) state = undefined;
  }
  return state;
}

function inverse(state: State): State {
  return state === undefined ? undefined : !state;
}

function ordered([a]: Items, [b]: Items, holds: (order: number) => boolean): Items {
  const order = a === undefined || b === undefined ? undefined : compareItems(a, b);
  return order === undefined ? NONE : booleanItem(holds(order));
}

function textOf([item]: Items): string {
  return typeof item?.value === 'string' ? item.value : item === undefined ? '' : JSON.stringify(item.value);
}

function plus(a: Items, b: Items): Items {
  if (typeof a[0]?.value === 'string' && typeof b[0]?.value === 'string') {
    return [{ value: a[0].value + b[0].value, type: 'string' }];
  }
  return computed(a, b, (x, y) => x + y);
}

function computed([a]: Items, [b]: Items, compute: (x: number, y: number) => number): Items {
  const [x, y] = [a && numberOf(a), b && numberOf(b)];
  if (x === undefined || y === undefined) return NONE;
  const value = compute(x, y);
  return Number.isFinite(value) ? [{ value, type: Number.isInteger(value) ? 'integer' : 'decimal' }] : NONE;
}
