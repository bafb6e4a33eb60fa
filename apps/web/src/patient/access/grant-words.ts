import type { Grantee, Terms as GrantTerms } from '@salus/contracts';
import type { TFunction } from 'i18next';
import type { Terms } from '../../ui/terms.ts';
import { NORMAL_LABEL } from './opening.ts';

type Translate = TFunction<'access'>;

/** Who may use a grant, as a person would say it. */
export function whoOf(t: Translate, terms: Terms, grantee: Grantee): string {
  switch (grantee.kind) {
    case 'organisation':
      return t('who.organisation', { organisation: terms.place(grantee.organisation) });
    case 'role':
      return t('who.role', { organisation: terms.place(grantee.organisation), role: terms.role(grantee.role) });
    case 'person':
      return t('who.person', { organisation: terms.place(grantee.organisation), id: shortId(grantee.id) });
    case 'client':
      return t('who.client', { organisation: terms.place(grantee.organisation), id: shortId(grantee.id) });
    case 'study':
      return t('who.study', { organisation: terms.place(grantee.organisation), study: grantee.study });
    case 'card':
      return t('who.card');
  }
}

/** What a grant allows and what it leaves out, a sentence each; the first says what may be read where. */
export function sentencesOf(t: Translate, terms: Terms, granted: GrantTerms, place: string): readonly string[] {
  if (granted.kind === 'locate')
    return [t('grants.locate'), t('grants.until', { date: terms.moment(granted.notAfterMs) })];
  const what = terms.list(granted.categories.map(terms.category));
  const sensitive = granted.labelClasses.filter((label) => label !== NORMAL_LABEL);
  const { resourceTypes, records, exceptActors } = granted;
  return [
    t('grants.sentence', { place: terms.place(place), what }),
    t('grants.purpose', { purpose: terms.list(granted.purposes.map(terms.purpose)) }),
    t('grants.until', { date: terms.moment(granted.notAfterMs) }),
    ...(sensitive.length === 0 ? [] : [t('grants.sensitiveToo', { labels: terms.list(sensitive.map(terms.label)) })]),
    ...periodOf(t, terms, granted),
    ...(resourceTypes === null ? [] : [t('grants.types', { types: terms.list(resourceTypes.map(terms.type)) })]),
    ...(records === null ? [] : [t('grants.single', { count: records.length })]),
    ...(exceptActors.length === 0 ? [] : [t('grants.except', { count: exceptActors.length })]),
    ...(granted.mayKeep ? [t('grants.keep')] : []),
    ...(granted.delegationDepth === 0 ? [] : [t('grants.passOn')]),
  ];
}

function periodOf(t: Translate, terms: Terms, { dataFromMs, dataToMs }: GrantTerms): readonly string[] {
  if (dataFromMs !== null && dataToMs !== null)
    return [t('grants.period', { from: terms.date(dataFromMs), to: terms.date(dataToMs) })];
  if (dataFromMs !== null) return [t('grants.periodFrom', { from: terms.date(dataFromMs) })];
  if (dataToMs !== null) return [t('grants.periodTo', { to: terms.date(dataToMs) })];
  return [];
}

/** Enough of an id for two people to compare; the whole one stands where it is needed. */
export function shortId(id: string): string {
  return id.length > 8 ? `${id.slice(0, 8)}…` : id;
}
