import { conceptKey, conceptText } from '../../fhir/concept.ts';
import { type TrendLine, trendLinesOf } from '../../fhir/trend-lines.ts';
import { type ChartEntry, entriesOf } from './chart-entry.ts';

/** What was measured again and again, whoever measured: Observations of one code. */
export interface Series {
  readonly key: string;
  readonly title: string | undefined;
  /** Newest first. */
  readonly entries: readonly ChartEntry[];
  readonly lines: readonly TrendLine[];
}

/** Those measured last first. */
export function seriesOf(entries: readonly ChartEntry[]): readonly Series[] {
  const coded = entriesOf(entries, 'Observation').flatMap((entry) => {
    const key = conceptKey(entry.resource.code);
    return key === undefined ? [] : [{ key, entry }];
  });
  return [...Map.groupBy(coded, ({ key }) => key)].map(([key, group]) => {
    const own = group.map(({ entry }) => entry);
    const title = own.map(({ resource }) => conceptText(resource.code)).find((text) => text !== undefined);
    return { key, title, entries: own, lines: trendLinesOf(own) };
  });
}
