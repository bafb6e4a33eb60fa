import { type FhirTree, isTree, listOf } from '@salus/fhir/parse';
import { conceptKey, conceptText } from './concept.ts';
import { numberOf, unitText } from './quantity.ts';

/** One value on a chart. */
export interface TrendPoint {
  readonly atMs: number;
  readonly value: number;
}

/** Values of one code in one unit, oldest first: a line of a chart. */
export interface TrendLine {
  readonly key: string;
  /** Of the part of a panel; undefined for the value itself. */
  readonly name: string | undefined;
  readonly unit: string;
  readonly points: readonly TrendPoint[];
}

/**
 * The lines of Observations of one code, given newest first: one for each unit and component, none where nothing is a
 * number. Numbers of different units never share a line: 5.5 mmol/L is not below 100 mg/dL. A value given as "less
 * than" or "more than" is no point: where it lies is not known.
 */
export function trendLinesOf(
  newestFirst: readonly { readonly resource: FhirTree; readonly atMs: number }[],
): readonly TrendLine[] {
  const lines = new Map<string, { name: string | undefined; unit: string; points: TrendPoint[] }>();
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
