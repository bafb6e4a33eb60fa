import { type FhirTree, stringOf } from '@salus/fhir/parse';
import { titleOf } from '../../fhir/title.ts';
import { newestFirst, type RecordEntry, timeOf } from './record-entry.ts';

/** Types that say who somebody is or where a record comes from: nothing that happened to the patient. */
const NO_EVENTS: ReadonlySet<string> = new Set([
  'Patient',
  'Person',
  'RelatedPerson',
  'Practitioner',
  'PractitionerRole',
  'Organization',
  'Location',
  'Provenance',
  'AuditEvent',
  'Binary',
  'Medication',
]);

export interface TimelineFilter {
  /** Words that title, author or type must hold; empty for all. */
  readonly words: string;
  /** Empty for all. */
  readonly categories: readonly string[];
  readonly organisations: readonly string[];
}

/** What a row of the timeline shows: a month's heading or an entry under it. */
export type TimelineRow =
  | { readonly kind: 'month'; readonly month: string; readonly count: number }
  | { readonly kind: 'entry'; readonly entry: RecordEntry };

/** Whether an entry is something that happened, and so has a place on the timeline. */
export function isEvent({ resource }: Pick<RecordEntry, 'resource'>): boolean {
  return !NO_EVENTS.has(stringOf(resource.resourceType) ?? '');
}

/** The timeline, newest first, each month under its heading (`2026-11`, by the device's own calendar). */
export function timelineOf(entries: readonly RecordEntry[], filter: TimelineFilter): readonly TimelineRow[] {
  const shown = newestFirst(entries.filter((entry) => isEvent(entry) && passes(entry, filter)));
  const rows: TimelineRow[] = [];
  let from = 0;
  while (from < shown.length) {
    const month = monthOf(shown[from]!);
    let to = from + 1;
    while (to < shown.length && monthOf(shown[to]!) === month) to += 1;
    rows.push({ kind: 'month', month, count: to - from });
    for (const entry of shown.slice(from, to)) rows.push({ kind: 'entry', entry });
    from = to;
  }
  return rows;
}

function monthOf(entry: RecordEntry): string {
  const date = new Date(timeOf(entry));
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}`;
}

function passes(entry: RecordEntry, { words, categories, organisations }: TimelineFilter): boolean {
  return (
    (categories.length === 0 || categories.includes(entry.category)) &&
    (organisations.length === 0 || organisations.includes(entry.organisation)) &&
    holdsWords(entry.resource, words)
  );
}

/** Every word somewhere in the title or the type, whatever its case and accents. */
function holdsWords(resource: FhirTree, words: string): boolean {
  const wanted = plain(words)
    .split(/\s+/)
    .filter((word) => word !== '');
  if (wanted.length === 0) return true;
  const text = plain(`${titleOf(resource) ?? ''} ${stringOf(resource.resourceType) ?? ''}`);
  return wanted.every((word) => text.includes(word));
}

function plain(text: string): string {
  return text
    .normalize('NFD')
    .replaceAll(/\p{Mark}/gu, '')
    .toLowerCase();
}
