import { type FhirTree, type FhirValue, isTree, listOf, stringOf } from '@salus/fhir/parse';
import { dateFormat } from '../i18n/formats.ts';

/** A point or span of time as FHIR states it: partial dates stay partial (R4 §2.24.0.1, dateTime). */
export interface When {
  /** `2024`, `2024-05`, `2024-05-03` or a full instant. */
  readonly from: string;
  readonly to: string | undefined;
  /** For sorting: the earliest millisecond that `from` may mean. */
  readonly fromMs: number;
}

const DATE_TIME = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?)?)?$/;

/**
 * Where each type says when what it tells of happened, the most telling first. An element that is a Period or a Timing
 * counts by its start. `meta.lastUpdated` is no such time: it is when somebody wrote it down.
 */
const WHEN: Readonly<Record<string, readonly string[]>> = {
  AllergyIntolerance: ['onsetDateTime', 'recordedDate', 'lastOccurrence'],
  Appointment: ['start', 'created'],
  CarePlan: ['period', 'created'],
  Communication: ['sent', 'received'],
  Composition: ['date'],
  Condition: ['onsetDateTime', 'onsetPeriod', 'recordedDate'],
  Consent: ['dateTime'],
  DiagnosticReport: ['effectiveDateTime', 'effectivePeriod', 'issued'],
  DocumentReference: ['context.period', 'date'],
  Encounter: ['period'],
  ImagingStudy: ['started'],
  Immunization: ['occurrenceDateTime'],
  Media: ['createdDateTime', 'createdPeriod', 'issued'],
  MedicationAdministration: ['effectiveDateTime', 'effectivePeriod'],
  MedicationDispense: ['whenHandedOver', 'whenPrepared'],
  MedicationRequest: ['authoredOn'],
  MedicationStatement: ['effectiveDateTime', 'effectivePeriod', 'dateAsserted'],
  Observation: ['effectiveDateTime', 'effectivePeriod', 'effectiveInstant', 'issued'],
  Procedure: ['performedDateTime', 'performedPeriod'],
  QuestionnaireResponse: ['authored'],
  ServiceRequest: ['occurrenceDateTime', 'authoredOn'],
  Task: ['authoredOn', 'lastModified'],
};
/** For every other type. */
const ANY = [
  'effectiveDateTime',
  'occurrenceDateTime',
  'performedDateTime',
  'period',
  'authoredOn',
  'date',
  'created',
  'issued',
];

/** When what the resource tells of happened; undefined where it does not say. */
export function whenOf(resource: FhirTree): When | undefined {
  const type = stringOf(resource.resourceType) ?? '';
  const elements = Object.hasOwn(WHEN, type) ? WHEN[type]! : ANY;
  for (const path of elements) {
    const found = parseWhen(elementAt(resource, path));
    if (found !== undefined) return found;
  }
  return undefined;
}

function elementAt(resource: FhirTree, path: string): FhirValue | undefined {
  let value: FhirValue | undefined = resource;
  for (const step of path.split('.')) value = isTree(value) ? value[step] : undefined;
  return listOf(value)[0];
}

/** A date, dateTime, instant or Period; undefined for anything else. */
export function parseWhen(value: FhirValue | undefined): When | undefined {
  if (isTree(value)) {
    const start = stringOf(value.start);
    const end = stringOf(value.end);
    const from = start ?? end;
    const fromMs = earliestMs(from);
    return from === undefined || fromMs === undefined
      ? undefined
      : { from, to: start === undefined || earliestMs(end) === undefined ? undefined : end, fromMs };
  }
  const from = stringOf(value);
  const fromMs = earliestMs(from);
  return from === undefined || fromMs === undefined ? undefined : { from, to: undefined, fromMs };
}

function earliestMs(text: string | undefined): number | undefined {
  if (text === undefined || !DATE_TIME.test(text)) return undefined;
  const parsed = Date.parse(text);
  return Number.isNaN(parsed) ? undefined : parsed;
}

type Precision = 'year' | 'month' | 'day' | 'time';

const FORMATS: { readonly [precision in Precision]: Intl.DateTimeFormatOptions } = {
  // A date without a time belongs to no time zone: it must not become the day before.
  year: { year: 'numeric', timeZone: 'UTC' },
  month: { year: 'numeric', month: 'long', timeZone: 'UTC' },
  day: { dateStyle: 'medium', timeZone: 'UTC' },
  time: { dateStyle: 'medium', timeStyle: 'short' },
};

/** As a person of this locale writes it, no more precise than the resource was. A time is shown in the zone of the device. */
export function dateText(date: string, locale: string): string {
  const ms = earliestMs(date);
  return ms === undefined ? date : formatterOf(locale, precisionOf(date)).format(ms);
}

/** A span as `from – to`, a point as a date. */
export function whenText({ from, to }: When, locale: string): string {
  if (to === undefined || to === from) return dateText(from, locale);
  const [start, end] = [earliestMs(from), earliestMs(to)];
  const precision = precisionOf(from);
  if (start === undefined || end === undefined || precision !== precisionOf(to) || end < start) {
    return `${dateText(from, locale)} – ${dateText(to, locale)}`;
  }
  return formatterOf(locale, precision).formatRange(start, end);
}

function formatterOf(locale: string, precision: Precision): Intl.DateTimeFormat {
  return dateFormat(locale, FORMATS[precision]);
}

function precisionOf(date: string): Precision {
  if (date.length === 4) return 'year';
  if (date.length === 7) return 'month';
  return date.length === 10 ? 'day' : 'time';
}
