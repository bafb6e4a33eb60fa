import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { texts } from '../i18n/en/terms.ts';
import { dateFormat, listFormat } from '../i18n/formats.ts';

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
  const { language } = i18n;
  return useMemo(() => {
    // Codes come from the node: the key is looked up, not written, and what has no name falls back.
    const say = t as unknown as (key: string, values: Readonly<Record<string, string>>) => string;
    const name = (group: keyof typeof texts, code: string, fallback: string): string =>
      say(`${group}.${i18n.exists(`terms:${group}.${code}`) ? code : fallback}`, { code, role: code, type: code });
    return {
      category: (code) => name('categories', code, 'other'),
      label: (code) => name('labels', code, 'R'),
      purpose: (code) => name('purposes', code, 'other'),
      role: (code) => name('roles', code, 'other'),
      type: (code) => name('types', code, 'other'),
      place: placeName,
      list: (words) => listFormat(language).format(words),
      date: (ms) => dateFormat(language, { dateStyle: 'medium' }).format(ms),
      moment: (ms) => dateFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(ms),
    };
  }, [t, i18n, language]);
}

/** `hospital-a` as `Hospital A`. */
export function placeName(slug: string): string {
  return slug
    .split('-')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join(' ');
}
