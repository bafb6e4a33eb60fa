import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from '@salus/fhir/parse';
import { conceptKey } from '../../fhir/concept.ts';
import { numberOf } from '../../fhir/quantity.ts';
import { isOver } from '../../fhir/status.ts';
import { titleOf } from '../../fhir/title.ts';
import { parseWhen } from '../../fhir/when.ts';
import { type ChartEntry, entriesOf } from '../chart/chart-entry.ts';

const DAY_MS = 86_400_000;

/** A prescription on the axis of time: from when until when it was meant; `untilMs` undefined while it goes on. */
export interface PlannedSpan {
  readonly entry: ChartEntry;
  readonly fromMs: number;
  readonly untilMs: number | undefined;
}

/** One medicine: what was planned, and what was given or handed out. */
export interface CourseLane {
  readonly key: string;
  readonly title: string | undefined;
  readonly planned: readonly PlannedSpan[];
  readonly given: readonly ChartEntry[];
}

/** Lanes in the order of their newest prescription or gift, newest first. */
export function lanesOf(entries: readonly ChartEntry[]): readonly CourseLane[] {
  const all = entriesOf(entries, 'MedicationRequest', 'MedicationAdministration', 'MedicationDispense');
  const groups = Map.groupBy(all, ({ resource, key }) => medicineKey(resource) ?? key);
  return [...groups].map(([key, group]) => ({
    key,
    title: group.map(({ resource }) => titleOf(resource)).find((title) => title !== undefined),
    planned: followed(group.filter(({ type }) => type === 'MedicationRequest').map(spanOf)),
    given: group.filter(({ type }) => type !== 'MedicationRequest'),
  }));
}

/** Newest first: a plan without an end lasts until the next one of the same medicine. */
function followed(spans: readonly PlannedSpan[]): readonly PlannedSpan[] {
  return spans.map((span, at) => {
    const next = spans[at - 1];
    return span.untilMs === undefined && next !== undefined ? { ...span, untilMs: next.fromMs } : span;
  });
}

function medicineKey(resource: FhirTree): string | undefined {
  return conceptKey(resource.medicationCodeableConcept) ?? titleOf(resource)?.trim().toLowerCase();
}

/** Until when: what the dosage says, else how long the supply lasts, else its beginning when it is over. */
function spanOf(entry: ChartEntry): PlannedSpan {
  const { resource, atMs } = entry;
  const bounds = listOf(resource.dosageInstruction)
    .filter(isTree)
    .map(({ timing }) => (isTree(timing) && isTree(timing.repeat) ? parseWhen(timing.repeat.boundsPeriod) : undefined))
    .find((when) => when !== undefined);
  const boundMs = bounds?.to === undefined ? Number.NaN : Date.parse(bounds.to);
  if (!Number.isNaN(boundMs)) return { entry, fromMs: bounds?.fromMs ?? atMs, untilMs: boundMs };
  const supplyDays = supplyDaysOf(resource.dispenseRequest);
  if (supplyDays !== undefined) return { entry, fromMs: atMs, untilMs: atMs + supplyDays * DAY_MS };
  return { entry, fromMs: atMs, untilMs: isOver(resource) ? atMs : undefined };
}

function supplyDaysOf(dispense: FhirValue | undefined): number | undefined {
  const supply = isTree(dispense) ? dispense.expectedSupplyDuration : undefined;
  const days = isTree(supply) && stringOf(supply.code) === 'd' ? numberOf(supply.value) : undefined;
  return days !== undefined && days > 0 ? days : undefined;
}

/** The time that a chart shows: everything, and a margin; undefined when there is nothing. */
export interface TimeSpan {
  readonly fromMs: number;
  readonly untilMs: number;
}

export function timeSpanOf(
  lanes: readonly CourseLane[],
  measured: readonly { readonly atMs: number }[],
  nowMs: number,
): TimeSpan | undefined {
  const times = [
    ...lanes.flatMap(({ planned, given }) => [
      ...planned.flatMap(({ fromMs, untilMs }) => [fromMs, untilMs ?? nowMs]),
      ...given.map(({ atMs }) => atMs),
    ]),
    ...measured.map(({ atMs }) => atMs),
  ];
  if (times.length === 0) return undefined;
  const [fromMs, untilMs] = [Math.min(...times), Math.max(...times)];
  const margin = Math.max((untilMs - fromMs) * 0.03, DAY_MS / 2);
  return { fromMs: fromMs - margin, untilMs: untilMs + margin };
}
