import { type ListedRecord, opensRecord } from '@salus/client';
import type { GrantChoice } from '@salus/wallet';
import type { Place } from './acting.ts';

/** The part of a grant that says which records it opens. */
export type Reach = Pick<
  GrantChoice,
  'categories' | 'labelClasses' | 'resourceTypes' | 'records' | 'dataFromMs' | 'dataToMs'
>;

/** Documents of one category; `closed` is what the grant leaves shut. */
export interface OpenedCategory {
  readonly category: string;
  readonly opens: number;
  readonly sensitive: number;
  readonly closed: number;
}

/** What a grant opens today, counted before it is made. */
export interface Opening {
  readonly opens: number;
  /** Of those, the ones that carry a sensitive label. */
  readonly sensitive: number;
  readonly closed: number;
  readonly categories: readonly OpenedCategory[];
}

/** The label of what is not sensitive. */
export const NORMAL_LABEL = 'N';

/** Counts what `reach` opens among the patient's records; by category, in the order of the first record of each. */
export function openingOf(reach: Reach, records: readonly ListedRecord[]): Opening {
  const groups = new Map<string, { opens: number; sensitive: number; closed: number }>();
  for (const record of records) {
    const group = groups.get(record.category) ?? { opens: 0, sensitive: 0, closed: 0 };
    groups.set(record.category, group);
    if (!opensRecord(reach, record)) group.closed += 1;
    else {
      group.opens += 1;
      if (record.labelClass !== NORMAL_LABEL) group.sensitive += 1;
    }
  }
  return sumOf([...groups].map(([category, counts]) => ({ category, ...counts })));
}

/** The records that `reach` opens today. */
export function opensIn(reach: Reach, records: readonly ListedRecord[]): readonly ListedRecord[] {
  return records.filter((record) => opensRecord(reach, record));
}

/** Documents that all plans together open today; undefined until each place's list is there: nobody agrees before. */
export function countOpened(
  plans: readonly { readonly entry: Place; readonly choice: Reach }[],
  places: readonly { readonly entry: Place; readonly records: readonly ListedRecord[] | undefined }[],
): number | undefined {
  const counts = plans.map(({ entry: { pid }, choice }) =>
    places.find(({ entry }) => entry.pid === pid)?.records?.filter((record) => opensRecord(choice, record)),
  );
  return counts.reduce<number | undefined>(
    (total, opened) => (total === undefined || opened === undefined ? undefined : total + opened.length),
    0,
  );
}

/** Several organisations' openings as one: what the patient is asked about. */
export function joinOpenings(openings: readonly Opening[]): Opening {
  const joined = new Map<string, OpenedCategory>();
  for (const { category, opens, sensitive, closed } of openings.flatMap(({ categories }) => categories)) {
    const known = joined.get(category) ?? { category, opens: 0, sensitive: 0, closed: 0 };
    joined.set(category, {
      category,
      opens: known.opens + opens,
      sensitive: known.sensitive + sensitive,
      closed: known.closed + closed,
    });
  }
  return sumOf([...joined.values()]);
}

/** Whether anything but keys keeps part of a category shut: the patient is told that the releasing hospital enforces it. */
export function isNarrowedInside({ resourceTypes, records, dataFromMs, dataToMs }: Reach): boolean {
  return [resourceTypes, records, dataFromMs, dataToMs].some((term) => term !== undefined);
}

function sumOf(categories: readonly OpenedCategory[]): Opening {
  const sum = (name: 'opens' | 'sensitive' | 'closed'): number =>
    categories.reduce((total, counts) => total + counts[name], 0);
  return { opens: sum('opens'), sensitive: sum('sensitive'), closed: sum('closed'), categories };
}
