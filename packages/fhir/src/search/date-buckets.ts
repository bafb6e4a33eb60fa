import type { Period } from './period.ts';
import type { Prefix, SearchValue } from './search-value.ts';

/**
 * Dates as terms: decades, years, months and days (UTC), of which each lies within one of the next. A value stands under the
 * smallest ones that it fills and under all around them; a search looks into those that its range fills and, for values
 * that are longer than these, into the `D` terms around them.
 */
type Level = 0 | 1 | 2 | 3;
const DECADE = 0;
const YEAR = 1;
const MONTH = 2;
const DAY = 3;

/** Buckets that one value stands under on its own level; what is longer goes up one. */
const VALUE_BUCKETS_MAX = 8;
/** Of one search; longer ranges are cut coarser, which only adds candidates. */
const COVER_DAYS_MAX = 70;
/** Times outside of these stand under a term of their own. */
const FIRST_YEAR = 1880;
const END_YEAR = 2100;
const FIRST_MS = Date.UTC(FIRST_YEAR, 0, 1);
const END_MS = Date.UTC(END_YEAR, 0, 1);
const DAY_MS = 86_400_000;
/** What reaches further than a few decades, out of the calendar above, or ends before it starts. */
const WIDE = 'D|*';
/** R4 §3.1.1.4.9. */
const APPROXIMATELY = 0.1;

/** The terms of a resource's date. */
export function termsOfPeriod({ startMs, endMs }: Period): readonly string[] {
  if (!(startMs >= FIRST_MS && endMs <= END_MS && startMs < endMs)) return [WIDE];
  const lastMs = endMs - 1;
  for (const level of [DAY, MONTH, YEAR, DECADE] as const) {
    const buckets = bucketsBetween(startMs, lastMs, level);
    if (buckets === undefined) continue;
    const terms = new Set<string>();
    for (const bucket of buckets) {
      if (level !== DAY) terms.add(`D|${bucket}`);
      for (const around of aroundOf(bucket)) terms.add(`d|${around}`);
    }
    return [...terms];
  }
  return [WIDE];
}

/** Terms of which every date that a search by `wanted` finds has one; undefined when it excludes instead. */
export function coverOf(wanted: Extract<SearchValue, { kind: 'date' }>, nowMs: number): readonly string[] | undefined {
  const range = rangeOf(wanted.prefix, wanted, nowMs);
  if (range === undefined) return undefined;
  const terms = new Set<string>([WIDE]);
  const startMs = Math.max(FIRST_MS, range.startMs);
  const endMs = Math.min(END_MS, range.endMs);
  for (const bucket of startMs < endMs ? filling(startMs, endMs) : []) {
    const [, ...around] = aroundOf(bucket);
    terms.add(`d|${bucket}`).add(`D|${bucket}`);
    for (const larger of around) terms.add(`D|${larger}`);
  }
  return [...terms];
}

/** Whatever matches touches this range (R4 §3.1.1.4.8). */
function rangeOf(prefix: Prefix, { startMs, endMs }: Period, nowMs: number): Period | undefined {
  switch (prefix) {
    case 'eq':
      return { startMs, endMs };
    case 'ne':
      return undefined;
    case 'gt':
    case 'sa':
      return { startMs: endMs - 1, endMs: END_MS };
    case 'ge':
      return { startMs, endMs: END_MS };
    case 'lt':
    case 'eb':
      return { startMs: FIRST_MS, endMs: startMs + 1 };
    case 'le':
      return { startMs: FIRST_MS, endMs };
    case 'ap': {
      const margin = Math.abs(nowMs - startMs) * APPROXIMATELY;
      return { startMs: startMs - margin, endMs: endMs + margin };
    }
  }
}

/** As few buckets as fill the range: large ones in the middle, small ones at its ends. */
function filling(startMs: number, endMs: number): readonly string[] {
  const smallest: Level = endMs - startMs <= COVER_DAYS_MAX * DAY_MS ? DAY : MONTH;
  const buckets: string[] = [];
  let at = startOf(startMs, smallest);
  while (at < endMs) {
    let level: Level = smallest;
    for (const larger of [DECADE, YEAR, MONTH] as const) {
      if (larger < smallest && startOf(at, larger) === at && after(at, larger) <= endMs) {
        level = larger;
        break;
      }
    }
    buckets.push(nameOf(at, level));
    at = after(at, level);
  }
  return buckets;
}

/** Those that a span touches, undefined when they are many. */
function bucketsBetween(startMs: number, lastMs: number, level: Level): readonly string[] | undefined {
  const buckets: string[] = [];
  for (let at = startOf(startMs, level); at <= lastMs; at = after(at, level)) {
    if (buckets.length === VALUE_BUCKETS_MAX) return undefined;
    buckets.push(nameOf(at, level));
  }
  return buckets;
}

function startOf(ms: number, level: Level): number {
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  if (level === DECADE) return Date.UTC(year - (year % 10), 0, 1);
  if (level === YEAR) return Date.UTC(year, 0, 1);
  return Date.UTC(year, date.getUTCMonth(), level === MONTH ? 1 : date.getUTCDate());
}

function after(startMs: number, level: Level): number {
  const date = new Date(startMs);
  const year = date.getUTCFullYear();
  if (level === DAY) return startMs + DAY_MS;
  if (level === MONTH) return Date.UTC(year, date.getUTCMonth() + 1, 1);
  return Date.UTC(year + (level === YEAR ? 1 : 10), 0, 1);
}

/** `202x`, `2021`, `2021-05`, `2021-05-17`. */
function nameOf(ms: number, level: Level): string {
  const text = new Date(ms).toISOString();
  return level === DECADE ? `${text.slice(0, 3)}x` : text.slice(0, level === YEAR ? 4 : level === MONTH ? 7 : 10);
}

/** A bucket and those around it. */
function aroundOf(bucket: string): readonly string[] {
  const names = [10, 7, 4].filter((length) => length <= bucket.length).map((length) => bucket.slice(0, length));
  const decade = `${bucket.slice(0, 3)}x`;
  return bucket.endsWith('x') ? [bucket] : [...names, decade];
}
