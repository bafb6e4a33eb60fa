import { type FhirTree, isTree, listOf, stringOf } from '@salus/fhir/parse';
import { conceptKey, conceptText } from '../../fhir/concept.ts';
import { numberOf } from '../../fhir/quantity.ts';
import { isEnteredInError } from '../../fhir/status.ts';
import { type TrendLine, trendLinesOf } from '../../fhir/trend-lines.ts';
import { newestFirst, type RecordEntry, timeOf } from './record-entry.ts';

/** What was measured again and again: all Observations of one code, whoever measured. */
export interface ResultSeries {
  readonly key: string;
  readonly title: string | undefined;
  /** `laboratory`, `vital-signs` …: of the newest. */
  readonly category: string;
  /** Newest first, those without a number too. */
  readonly entries: readonly RecordEntry[];
  /** A line per unit and component; none where nothing is a number. */
  readonly lines: readonly TrendLine[];
  /** The range that the newest entry calls normal. */
  readonly normal: NormalRange | undefined;
}

export interface NormalRange {
  readonly low: number | undefined;
  readonly high: number | undefined;
}

/** Every series, those measured last first. */
export function resultSeriesOf(entries: readonly RecordEntry[]): readonly ResultSeries[] {
  const measured = entries.filter(
    ({ resource }) => stringOf(resource.resourceType) === 'Observation' && !isEnteredInError(resource),
  );
  return [...Map.groupBy(measured, ({ resource }) => conceptKey(resource.code))]
    .flatMap(([key, group]) => (key === undefined ? [] : seriesOf(key, newestFirst(group))))
    .sort((left, right) => timeOf(right.entries[0]!) - timeOf(left.entries[0]!));
}

function seriesOf(key: string, entries: readonly RecordEntry[]): ResultSeries {
  const newest = entries[0]!;
  return {
    key,
    title: entries.map(({ resource }) => conceptText(resource.code)).find((title) => title !== undefined),
    category: newest.category,
    entries,
    lines: trendLinesOf(entries.map((entry) => ({ resource: entry.resource, atMs: timeOf(entry) }))),
    normal: normalOf(newest.resource),
  };
}

function normalOf(observation: FhirTree): NormalRange | undefined {
  const range = listOf(observation.referenceRange).find(isTree);
  const bound = (end: 'low' | 'high'): number | undefined => {
    const quantity = range?.[end];
    return isTree(quantity) ? numberOf(quantity.value) : undefined;
  };
  const [low, high] = [bound('low'), bound('high')];
  return low === undefined && high === undefined ? undefined : { low, high };
}
