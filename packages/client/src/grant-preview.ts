import type { GrantChoice } from '@salus/wallet';
import type { ListedRecord } from './own-records.ts';

const NORMAL = 'N';

/** What of one category and label class a choice opens now. */
export interface OpeningGroup {
  readonly category: string;
  readonly labelClass: string;
  readonly opens: number;
  readonly staysClosed: number;
}

/** What a choice opens of a patient's records, before anything is granted. */
export interface Opening {
  readonly opens: number;
  /** Of those: records that carry a sensitive label. */
  readonly sensitive: number;
  readonly staysClosed: number;
  /** Sorted by category, then label class. */
  readonly groups: readonly OpeningGroup[];
}

type Narrowing = Pick<
  GrantChoice,
  'categories' | 'labelClasses' | 'resourceTypes' | 'records' | 'dataFromMs' | 'dataToMs'
>;

export function previewOpening(choice: Narrowing, records: readonly ListedRecord[]): Opening {
  const groups = new Map<string, { category: string; labelClass: string; opens: number; staysClosed: number }>();
  for (const record of records) {
    const { category, labelClass } = record;
    const name = `${category}\u0000${labelClass}`;
    const group = groups.get(name) ?? { category, labelClass, opens: 0, staysClosed: 0 };
    if (opensRecord(choice, record)) group.opens += 1;
    else group.staysClosed += 1;
    groups.set(name, group);
  }
  const sorted = [...groups].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, group]) => group);
  const count = (of: readonly OpeningGroup[]): number => of.reduce((sum, { opens }) => sum + opens, 0);
  const opens = count(sorted);
  return {
    opens,
    sensitive: count(sorted.filter(({ labelClass }) => labelClass !== NORMAL)),
    staysClosed: records.length - opens,
    groups: sorted,
  };
}

/** Would this record be released under the choice? One without a time lies outside every period. */
export function opensRecord(choice: Narrowing, record: ListedRecord): boolean {
  const { categories, labelClasses, resourceTypes, records, dataFromMs, dataToMs } = choice;
  return (
    categories.includes(record.category) &&
    labelClasses.includes(record.labelClass) &&
    (resourceTypes === undefined || resourceTypes.includes(record.type)) &&
    (records === undefined || records.includes(record.recordId)) &&
    (dataFromMs === undefined || (record.dataToMs ?? record.dataFromMs ?? -Infinity) >= dataFromMs) &&
    (dataToMs === undefined || (record.dataFromMs ?? record.dataToMs ?? Infinity) <= dataToMs)
  );
}
