import { type FhirTree, stringOf } from '@salus/fhir/parse';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import type { texts } from '../i18n/en/fhir.ts';
import type { CodeWords } from './facts.ts';
import { titleOf } from './title.ts';
import { valuesOf } from './value.ts';
import { whenOf, whenText } from './when.ts';

/** Resources in words of the reader's language; codes without a word are shown as they are. */
export interface FhirWords extends CodeWords {
  /** What sort of thing a resource is: "Diagnosis", "Visit". */
  kind(resource: FhirTree): string;
  /** What it is about, else what sort of thing it is. */
  title(resource: FhirTree): string;
  /** When it happened; empty where it does not say. */
  when(resource: FhirTree): string;
  /** What was found, in one line; empty for what holds no value. */
  value(resource: FhirTree): string;
  element(label: keyof typeof texts.element): string;
}

type Group = 'kind' | 'status' | 'interpretation' | 'encounterClass' | 'criticality';

export function useFhirWords(): FhirWords {
  const { t, i18n } = useTranslation('fhir');
  return useMemo(() => {
    const locale = i18n.language;
    const word = (group: Group, code: string, other: object): string => {
      const key = i18n.exists(`fhir:${group}.${code}`) ? code : 'other';
      return t(`${group}.${key}` as 'status.other', { code, ...other });
    };
    const kind = (resource: FhirTree): string => {
      const type = stringOf(resource.resourceType) ?? '';
      return word('kind', type, { type });
    };
    const truth = (text: string): string => {
      if (text === 'true') return t('yes');
      return text === 'false' ? t('no') : text;
    };
    return {
      locale,
      kind,
      truth,
      status: (code) => word('status', code, {}),
      interpretation: (code) => word('interpretation', code, {}),
      encounterClass: (code) => word('encounterClass', code ?? 'other', {}),
      criticality: (code) => word('criticality', code, {}),
      title: (resource) => titleOf(resource) ?? kind(resource),
      when: (resource) => {
        const when = whenOf(resource);
        return when === undefined ? '' : whenText(when, locale);
      },
      value: (resource) =>
        valuesOf(resource, locale)
          .map(({ name, text }) => (name === undefined ? truth(text) : `${name} ${truth(text)}`))
          .join(', '),
      element: (label) => t(`element.${label}`),
    };
  }, [t, i18n]);
}
