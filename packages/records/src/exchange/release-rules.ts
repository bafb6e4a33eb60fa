import type { Terms } from '@salus/contracts';
import { PAIRS } from '@salus/fhir';
import type { Denial, StoredRecord } from '../vault-types.ts';

/** The part of terms that narrows inside one pair; the releasing node enforces it, cryptography does not (DESIGN §5). */
export type NarrowingTerms = Pick<Terms, 'resourceTypes' | 'records' | 'dataFromMs' | 'dataToMs'>;

/** A pair of the table by its place. */
export type PairIndex = number;

/** Pairs that the terms open for the asked categories; `null` terms (emergency without a card) open every pair. */
export function grantedPairs(
  terms: Pick<Terms, 'categories' | 'labelClasses'> | null,
  categories: readonly string[] | null,
): readonly PairIndex[] {
  const indices: PairIndex[] = [];
  PAIRS.forEach(({ category, labelClass }, index) => {
    const asked = categories === null || categories.includes(category);
    const allowed = terms === null || (terms.categories.includes(category) && terms.labelClasses.includes(labelClass));
    if (asked && allowed) indices.push(index);
  });
  return indices;
}

/** Do the terms withhold something inside a pair that they open? Then a receiver sees how many, and not which. */
export function narrowsPairs(terms: NarrowingTerms | null): boolean {
  if (terms === null) return false;
  const { resourceTypes, records, dataFromMs, dataToMs } = terms;
  return resourceTypes !== null || records !== null || dataFromMs !== null || dataToMs !== null;
}

/** May this record be released under the terms? A record without a time lies outside every period. */
export function termsRelease(
  terms: NarrowingTerms | null,
  record: { readonly recordId: string; readonly meta: Pick<StoredRecord['meta'], 'type' | 'dataFromMs' | 'dataToMs'> },
): boolean {
  if (terms === null) return true;
  const { type, dataFromMs, dataToMs } = record.meta;
  if (terms.resourceTypes !== null && !terms.resourceTypes.includes(type)) return false;
  if (terms.records !== null && !terms.records.includes(record.recordId)) return false;
  if (terms.dataFromMs === null && terms.dataToMs === null) return true;
  const fromMs = dataFromMs ?? dataToMs;
  const toMs = dataToMs ?? dataFromMs;
  if (fromMs === null || toMs === null) return false;
  return toMs >= (terms.dataFromMs ?? -Infinity) && fromMs <= (terms.dataToMs ?? Infinity);
}

/**
 * Do the patient's denials shut this reader out? One that names nobody speaks of the author's own staff: who may come
 * from outside, the grant says. One that names the reader for some label classes shuts out every session that would show
 * any of them: were they silently left out instead, the receiver could not tell a denial from an omission.
 */
export function isShutOut(
  denials: readonly Denial[],
  reader: string,
  terms: Pick<Terms, 'labelClasses'> | null,
): boolean {
  return denials.some(
    ({ persons, labelClasses }) =>
      persons.includes(reader) &&
      (labelClasses.length === 0 ||
        terms === null ||
        labelClasses.some((labelClass) => terms.labelClasses.includes(labelClass))),
  );
}
