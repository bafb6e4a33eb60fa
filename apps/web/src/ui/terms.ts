import { useTranslation } from 'react-i18next';
import type { texts } from '../i18n/en/terms.ts';

/** Names of what the standard counts, in the reader's language; what has no name is shown by its code. */
export interface Terms {
  category(code: string): string;
  label(code: string): string;
  purpose(code: string): string;
  role(code: string): string;
  type(code: string): string;
  /** A place's slug as a name: members have no other on the ledger. */
  place(slug: string): string;
  /** `a, b and c` in the reader's language. */
  list(words: readonly string[]): string;
  date(ms: number): string;
  moment(ms: number): string;
}

export function useTerms(): Terms {
  const { t, i18n } = useTranslation('terms');
  const has = <Group extends keyof typeof texts>(group: Group, code: string): boolean =>
    i18n.exists(`terms:${group}.${code}`);
  const { language } = i18n;
  return {
    category: (code) => t(`categories.${(has('categories', code) ? code : 'other') as keyof typeof texts.categories}`),
    label: (code) => t(`labels.${(has('labels', code) ? code : 'R') as keyof typeof texts.labels}`),
    purpose: (code) =>
      t(`purposes.${(has('purposes', code) ? code : 'other') as keyof typeof texts.purposes}`, { code }),
    role: (role) => t(`roles.${(has('roles', role) ? role : 'other') as keyof typeof texts.roles}`, { role }),
    type: (type) => t(`types.${(has('types', type) ? type : 'other') as keyof typeof texts.types}`, { type }),
    place: placeName,
    list: (words) => new Intl.ListFormat(language, { type: 'conjunction' }).format(words),
    date: (ms) => new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(ms),
    moment: (ms) => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(ms),
  };
}

/** `hospital-a` as `Hospital A`. */
export function placeName(slug: string): string {
  return slug
    .split('-')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join(' ');
}
