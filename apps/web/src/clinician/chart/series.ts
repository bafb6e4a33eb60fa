import { type FhirTree, isTree, listOf } from '@salus/fhir/parse';
import { conceptKey, conceptText } from '../../fhir/concept.ts';
import { numberOf, unitText } from '../../fhir/quantity.ts';
import { type ChartEntry, entriesOf } from './chart-entry.ts';

export interface SeriesPoint {
  readonly atMs: number;
  readonly value: number;
}

/** Values of one code in one unit, oldest first. */
export interface SeriesLine {
  readonly key: string;
  /** Of the part of a panel; undefined for the value itself. */
  readonly name: string | undefined;
  readonly unit: string;
  readonly points: readonly SeriesPoint[];
}

/** What was measured again and again, whoever measured: Observations of one code. */
export interface Series {
  readonly key: string;
  readonly title: string | undefined;
  /** Newest first. */
  readonly entries: readonly ChartEntry[];
  readonly lines: readonly SeriesLine[];
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
    return { key, title, entries: own, lines: linesOf(own) };
  });
}

/** Numbers of two units share no line, and "less than" is no point: where it lies is not known. */
function linesOf(newestFirst: readonly ChartEntry[]): readonly SeriesLine[] {
  const lines = new Map<string, { name: string | undefined; unit: string; points: SeriesPoint[] }>();
  for (const { resource, atMs } of newestFirst.toReversed()) {
    for (const { key, name, quantity } of quantitiesOf(resource)) {
      const value = numberOf(quantity.value);
      if (value === undefined || quantity.comparator !== undefined) continue;
      const unit = unitText(quantity);
      const line = lines.get(`${key} ${unit}`) ?? { name, unit, points: [] };
      line.points.push({ atMs, value });
      lines.set(`${key} ${unit}`, line);
    }
  }
  return [...lines].map(([key, line]) => ({ key, ...line }));
}

interface NamedQuantity {
  readonly key: string;
  readonly name: string | undefined;
  readonly quantity: FhirTree;
}

function quantitiesOf({ valueQuantity, component }: FhirTree): readonly NamedQuantity[] {
  const own = isTree(valueQuantity) ? [{ key: '', name: undefined, quantity: valueQuantity }] : [];
  const parts = listOf(component).flatMap((part) => {
    if (!isTree(part) || !isTree(part.valueQuantity)) return [];
    return [{ key: conceptKey(part.code) ?? '', name: conceptText(part.code), quantity: part.valueQuantity }];
  });
  return [...own, ...parts];
}
