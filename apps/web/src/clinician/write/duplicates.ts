import { stringOf } from '@salus/fhir/parse';
import { hasCode } from '../../fhir/concept.ts';
import { type ChartEntry, entriesOf } from '../chart/chart-entry.ts';
import { LOINC, type Orderable } from './tests-to-order.ts';

const DAY_MS = 86_400_000;
/** Orders that are still to be carried out. */
const OPEN = new Set(['active', 'on-hold', 'draft']);

/** Why a test may not need to be done again. */
export type Duplicate =
  | { readonly kind: 'result'; readonly entry: ChartEntry; readonly validUntilMs: number }
  | { readonly kind: 'order'; readonly entry: ChartEntry };

/**
 * The newest result that still holds, and orders of the same test that wait, newest first, whoever wrote them. Empty: nothing
 * speaks against the order.
 */
export function duplicatesOf(
  entries: readonly ChartEntry[],
  { code, validDays }: Orderable,
  nowMs: number,
): readonly Duplicate[] {
  const same = entriesOf(entries, 'Observation', 'DiagnosticReport', 'ServiceRequest').filter(({ resource }) =>
    hasCode(resource.code, LOINC, code),
  );
  const validMs = validDays * DAY_MS;
  const results = same.filter(({ type, atMs, resource }) => {
    const isResult = type !== 'ServiceRequest' && resource.status !== 'cancelled' && resource.status !== 'registered';
    return isResult && validMs > 0 && atMs + validMs > nowMs && atMs <= nowMs;
  });
  const orders = same.filter(
    ({ type, resource }) => type === 'ServiceRequest' && OPEN.has(stringOf(resource.status) ?? ''),
  );
  return [
    ...results.slice(0, 1).map((entry): Duplicate => ({ kind: 'result', entry, validUntilMs: entry.atMs + validMs })),
    ...orders.map((entry): Duplicate => ({ kind: 'order', entry })),
  ];
}
