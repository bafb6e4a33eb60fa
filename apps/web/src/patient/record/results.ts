import { type FhirTree, isTree, listOf, stringOf } from '@salus/fhir/parse';
import { conceptKey, conceptText } from '../../fhir/concept.ts';
import { numberOf, unitText } from '../../fhir/quantity.ts';
import { isEnteredInError } from '../../fhir/status.ts';
import { newestFirst, type RecordEntry, timeOf } from './record-entry.ts';

/** One value on a chart. */
export interface TrendPoint {
  readonly atMs: number;
  readonly value: number;
  readonly entry: RecordEntry;
}

/** Values of one code in one unit, oldest first: a line of a chart. */
export interface TrendLine {
  readonly key: string;
  readonly name: string | undefined;
  readonly unit: string;
  readonly points: readonly TrendPoint[];
}

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
  const groups = new Map<string, RecordEntry[]>();
  for (const entry of entries) {
    const { resource } = entry;
    if (stringOf(resource.resourceType) !== 'Observation' || isEnteredInError(resource)) continue;
    const key = conceptKey(resource.code);
    if (key === undefined) continue;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups]
    .map(([key, group]) => seriesOf(key, newestFirst(group)))
    .sort((left, right) => timeOf(right.entries[0]!) - timeOf(left.entries[0]!));
}

function seriesOf(key: string, entries: readonly RecordEntry[]): ResultSeries {
  const newest = entries[0]!;
  return {
    key,
    title: entries.map(({ resource }) => conceptText(resource.code)).find((title) => title !== undefined),
    category: newest.category,
    entries,
    lines: linesOf(entries),
    normal: normalOf(newest.resource),
  };
}

/**
 * Numbers of different units never share a line: 5.5 mmol/L is not below 100 mg/dL. A value given as "less than" or
 * "more than" is no point: where it lies is not known.
 */
function linesOf(entries: readonly RecordEntry[]): readonly TrendLine[] {
  const lines = new Map<
    string,
    { readonly name: string | undefined; readonly unit: string; readonly points: TrendPoint[] }
  >();
  for (const entry of [...entries].reverse()) {
    const atMs = timeOf(entry);
    for (const { key, name, quantity } of quantitiesOf(entry.resource)) {
      const value = numberOf(quantity.value);
      if (value === undefined || quantity.comparator !== undefined) continue;
      const unit = unitText(quantity);
      const line = `${key} ${unit}`;
      const known = lines.get(line);
      const point = { atMs, value, entry };
      if (known === undefined) lines.set(line, { name, unit, points: [point] });
      else known.points.push(point);
    }
  }
  return [...lines].map(([key, line]) => ({ key, ...line }));
}

interface NamedQuantity {
  readonly key: string;
  readonly name: string | undefined;
  readonly quantity: FhirTree;
}

function quantitiesOf(observation: FhirTree): readonly NamedQuantity[] {
  const own = isTree(observation.valueQuantity)
    ? [{ key: '', name: undefined, quantity: observation.valueQuantity }]
    : [];
  const parts = listOf(observation.component).flatMap((component) =>
    isTree(component) && isTree(component.valueQuantity)
      ? [
          {
            key: conceptKey(component.code) ?? '',
            name: conceptText(component.code),
            quantity: component.valueQuantity,
          },
        ]
      : [],
  );
  return [...own, ...parts];
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
