import { type FhirTree, type SearchableValue, type SortKey, searchableValues } from '@salus/fhir';

/** What a resource is sorted by; null sorts last, whichever way. */
export type SortValue = string | number | null;

/** One value for each key (R4 §3.1.1.5.2: of several values the one that comes first in the direction). */
export function sortValuesOf(tree: FhirTree, sort: readonly SortKey[]): readonly SortValue[] {
  return sort.map(({ parameter, descending }) => {
    let best: SortValue = null;
    for (const value of searchableValues(tree, parameter)) {
      const key = keyOf(value, descending);
      if (key !== null && (best === null || inOrder(key, best, descending) < 0)) best = key;
    }
    return best;
  });
}

/** Negative when `a` comes before `b`. */
export function compareSortValues(a: readonly SortValue[], b: readonly SortValue[], sort: readonly SortKey[]): number {
  for (const [at, { descending }] of sort.entries()) {
    const [left, right] = [a[at] ?? null, b[at] ?? null];
    if (left === null || right === null) {
      if (left !== right) return left === null ? 1 : -1;
      continue;
    }
    const order = inOrder(left, right, descending);
    if (order !== 0) return order;
  }
  return 0;
}

function inOrder(a: string | number, b: string | number, descending: boolean): number {
  if (a === b) return 0;
  const isLess = typeof a === typeof b ? a < b : typeof a === 'number';
  return isLess !== descending ? -1 : 1;
}

function keyOf(value: SearchableValue, descending: boolean): SortValue {
  switch (value.kind) {
    case 'string':
      return value.text
        .normalize('NFKD')
        .replace(/\p{M}+/gu, '')
        .toLowerCase();
    case 'token':
      return value.code ?? value.text[0] ?? null;
    case 'reference':
      return value.reference ?? null;
    case 'uri':
      return value.uri;
    case 'date': {
      const ms = descending ? value.endMs : value.startMs;
      // An end that is open sorts before or after every date, and JSON has no infinity.
      return Number.isFinite(ms) ? ms : Math.sign(ms) * Number.MAX_SAFE_INTEGER;
    }
    case 'number':
      return value.value.toNumber();
    case 'quantity':
      return (value.low.isFinite() ? value.low : value.high).toNumber();
    case 'composite':
      return null;
  }
}
