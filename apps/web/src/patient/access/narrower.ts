import type { HeldGrant, ListedRecord } from '@salus/client';
import type { Terms } from '@salus/contracts';
import { hashTuple, type Json } from '@salus/crypto';
import type { WalletContent } from '@salus/wallet';
import { type Draft, type DraftFault, dayOf, endOfDay, startOfDay } from './draft.ts';
import { NORMAL_LABEL, openingOf, type Reach } from './opening.ts';

/** What is wrong with a narrowing; the form says it beside the button. */
export type NarrowingFault =
  | Exclude<DraftFault, 'no-place' | 'ends-too-late'>
  /** A later end, a longer period or more uses than were agreed: that is another permission. */
  | 'wider'
  /** As often as this it was used already. */
  | 'used-up'
  | 'unchanged';

/** The running grant as a draft, everything ticked that it allows; `null` then means: as agreed. */
export function draftOfTerms(terms: Terms): Draft {
  const { dataFromMs, dataToMs } = terms;
  return {
    grantee: terms.grantee,
    categories: terms.categories,
    sensitive: sensitiveOf(terms),
    purposes: terms.purposes,
    places: null,
    endsOn: dayOf(terms.notAfterMs),
    dataFrom: dataFromMs === null ? '' : dayOf(dataFromMs),
    dataTo: dataToMs === null ? '' : dayOf(dataToMs),
    types: null,
    records: null,
    except: terms.exceptActors,
    maxUses: terms.maxUses,
    mayKeep: terms.mayKeep,
  };
}

/** Sensitive label classes that a grant opens, whether anything carries them today or not. */
export function sensitiveOf({ labelClasses }: Pick<Terms, 'labelClasses'>): readonly string[] {
  return labelClasses.filter((label) => label !== NORMAL_LABEL);
}

/** The terms that the draft leaves of the agreed ones. Days that nobody touched keep their very moment. */
export function narrowedTerms(agreed: Terms, draft: Draft): Terms {
  const before = draftOfTerms(agreed);
  const { categories, sensitive, types, records, except, maxUses, mayKeep } = draft;
  const endMs = draft.endsOn === before.endsOn ? agreed.notAfterMs : endOfDay(draft.endsOn);
  const fromMs = draft.dataFrom === before.dataFrom ? agreed.dataFromMs : startOfDay(draft.dataFrom);
  const toMs = draft.dataTo === before.dataTo ? agreed.dataToMs : endOfDay(draft.dataTo);
  return {
    ...agreed,
    categories: agreed.categories.filter((category) => categories.includes(category)),
    labelClasses: agreed.labelClasses.filter((label) => label === NORMAL_LABEL || sensitive.includes(label)),
    resourceTypes: types ?? agreed.resourceTypes,
    records: records ?? agreed.records,
    dataFromMs: fromMs ?? null,
    dataToMs: toMs ?? null,
    // Who is shut out stays shut out.
    exceptActors: [...agreed.exceptActors, ...except.filter((id) => !agreed.exceptActors.includes(id))],
    notAfterMs: endMs ?? agreed.notAfterMs,
    maxUses,
    mayKeep: agreed.mayKeep && mayKeep,
  };
}

/** The first thing that is wrong, or undefined. @param used how often the grant was used already */
export function findNarrowingFault(
  agreed: Terms,
  draft: Draft,
  { nowMs, used }: { readonly nowMs: number; readonly used: number },
): NarrowingFault | undefined {
  const next = narrowedTerms(agreed, draft);
  const { categories, labelClasses, records, resourceTypes, dataFromMs, dataToMs, maxUses } = next;
  const lists = [categories, labelClasses, records, resourceTypes];
  if (lists.some((list) => list?.length === 0)) return 'nothing-chosen';
  if (endOfDay(draft.endsOn) === undefined) return 'no-date';
  if (next.notAfterMs <= nowMs) return 'ends-in-past';
  if (dataFromMs !== null && dataToMs !== null && dataToMs < dataFromMs) return 'period-backwards';
  if (isWider(next, agreed)) return 'wider';
  if (maxUses !== null && maxUses !== agreed.maxUses && maxUses <= used) return 'used-up';
  return JSON.stringify(next) === JSON.stringify(agreed) ? 'unchanged' : undefined;
}

/** What a grant opens of a patient's records today, and what it would afterwards. */
export interface Narrowing {
  readonly now: number;
  readonly afterwards: number;
  readonly sensitive: number;
  /** By category, in the order of the terms; those that open nothing today are left out. */
  readonly categories: readonly { readonly category: string; readonly now: number; readonly afterwards: number }[];
}

export function narrowingOf(agreed: Terms, next: Terms, records: readonly ListedRecord[]): Narrowing {
  const before = openingOf(reachOf(agreed), records);
  const after = openingOf(reachOf(next), records);
  const countOf = ({ categories }: typeof before, name: string): number =>
    categories.find(({ category }) => category === name)?.opens ?? 0;
  return {
    now: before.opens,
    afterwards: after.opens,
    sensitive: after.sensitive,
    categories: agreed.categories
      .map((category) => ({ category, now: countOf(before, category), afterwards: countOf(after, category) }))
      .filter(({ now }) => now > 0),
  };
}

/** The part of terms that says which records they open. */
export function reachOf({
  categories,
  labelClasses,
  resourceTypes,
  records,
  dataFromMs,
  dataToMs,
}: Pick<Terms, 'categories' | 'labelClasses' | 'resourceTypes' | 'records' | 'dataFromMs' | 'dataToMs'>): Reach {
  return {
    categories,
    labelClasses,
    ...(resourceTypes === null ? {} : { resourceTypes }),
    ...(records === null ? {} : { records }),
    ...(dataFromMs === null ? {} : { dataFromMs }),
    ...(dataToMs === null ? {} : { dataToMs }),
  };
}

/**
 * What this device signed of a grant, while the ledger holds just that: another device may have narrowed it since, and then
 * only that one has the salt.
 */
export function signedTerms(
  { grants }: Pick<WalletContent, 'grants'>,
  { grant, fact }: Pick<HeldGrant, 'grant' | 'fact'>,
): Terms | undefined {
  const entry = grants.find(({ terms }) => terms.grant === grant);
  if (entry === undefined) return undefined;
  const opened = hashTuple('grant', entry.salt, entry.terms as unknown as Json);
  return opened === fact.commitment ? entry.terms : undefined;
}

/** Only what this device signed can be narrowed, and what a person may read: a card or a list of places is made anew. */
export function isNarrowable({ fact }: Pick<HeldGrant, 'fact'>, signed: Terms | undefined): signed is Terms {
  return fact.status === 'active' && signed?.kind === 'access';
}

function isWider(next: Terms, agreed: Terms): boolean {
  return (
    next.notAfterMs > agreed.notAfterMs ||
    isBefore(next.dataFromMs, agreed.dataFromMs) ||
    isBefore(negated(next.dataToMs), negated(agreed.dataToMs)) ||
    isBefore(negated(next.maxUses), negated(agreed.maxUses))
  );
}

/** null is no bound. */
function isBefore(bound: number | null, agreed: number | null): boolean {
  return agreed !== null && (bound === null || bound < agreed);
}

function negated(bound: number | null): number | null {
  return bound === null ? null : -bound;
}
