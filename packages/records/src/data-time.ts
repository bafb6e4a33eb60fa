import { type FhirTree, type FhirValue, isTree } from '@salus/fhir';
import { textOf } from './fhir-values.ts';

/** Milliseconds since the epoch, both ends included; null: open or unknown. */
export interface DataTime {
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/**
 * Where resources say when their content happened, most telling first: what was observed or done before when it was
 * written down. R4 names these elements alike across types.
 */
const TIME_ELEMENTS = [
  ...(['effectiveDateTime', 'effectivePeriod', 'effectiveInstant', 'performedDateTime', 'performedPeriod'] as const),
  ...([
    'occurrenceDateTime',
    'occurrencePeriod',
    'onsetDateTime',
    'onsetPeriod',
    'servicedDate',
    'servicedPeriod',
  ] as const),
  ...(['whenHandedOver', 'started', 'start', 'period', 'executionPeriod', 'billablePeriod', 'authoredOn'] as const),
  ...(['recordedDate', 'assertedDate', 'dateTime', 'date', 'issued', 'created', 'recorded', 'sent'] as const),
] as const;

/** FHIR date, dateTime or instant (R4 §2.24.0.1): year, month, day, or a time with its zone. */
const DATE_TIME = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2}))?)?)?$/;

/** The time of a resource's content; unknown when it names none. */
export function dataTimeOf(tree: FhirTree): DataTime {
  for (const element of TIME_ELEMENTS) {
    const time = timeOf(tree[element]);
    if (time !== undefined) return time;
  }
  return { fromMs: null, toMs: null };
}

/** The span of a dateTime or Period; undefined for anything else. */
export function timeOf(value: FhirValue | undefined): DataTime | undefined {
  if (typeof value === 'string') return spanOf(value);
  if (!isTree(value)) return undefined;
  const start = spanOf(textOf(value.start));
  const end = spanOf(textOf(value.end));
  if (start === undefined && end === undefined) return undefined;
  return { fromMs: start?.fromMs ?? null, toMs: end?.toMs ?? null };
}

/** A partial date covers the whole of what it names; without a zone it is taken as UTC. */
function spanOf(text: string): DataTime | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, year = '', month, day, time, zone] = match;
  if (time !== undefined && zone !== undefined) {
    const atMs = Date.parse(text);
    return Number.isNaN(atMs) ? undefined : { fromMs: atMs, toMs: atMs };
  }
  const [y, m, d] = [Number(year), Number(month ?? '1') - 1, Number(day ?? '1')];
  const fromMs = Date.UTC(y, m, d);
  const next = nextUnit(y, m, d, { month, day });
  return Number.isNaN(fromMs) ? undefined : { fromMs, toMs: next - 1 };
}

function nextUnit(
  year: number,
  month: number,
  day: number,
  named: { readonly month: string | undefined; readonly day: string | undefined },
): number {
  if (named.day !== undefined) return Date.UTC(year, month, day + 1);
  return named.month === undefined ? Date.UTC(year + 1, 0, 1) : Date.UTC(year, month + 1, 1);
}
