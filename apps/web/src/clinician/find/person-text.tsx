import { Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { dateText } from '../../fhir/when.ts';
import type { PatientCard } from '../clinic-api.ts';

/** What tells people of one name apart, in one line. */
export function PersonText({ card }: { readonly card: Omit<PatientCard, 'pid'> }) {
  const { t, i18n } = useTranslation('clinician');
  const parts = [
    card.birthDate === null ? undefined : t('person.born', { date: dateText(card.birthDate, i18n.language) }),
    card.gender === null ? undefined : genderText(t, card.gender),
    card.city ?? undefined,
    card.phoneEnd === null ? undefined : t('person.phone', { end: card.phoneEnd }),
    card.identifiers.length === 0 ? undefined : t('person.number', { number: card.identifiers.join(', ') }),
  ];
  return <Text size="sm">{parts.filter((part) => part !== undefined).join(' · ')}</Text>;
}

type Translate = ReturnType<typeof useTranslation<'clinician'>>['t'];

export function genderText(t: Translate, code: string): string {
  return code === 'female' || code === 'male' || code === 'other'
    ? t(`person.gender.${code}`)
    : t('person.gender.unknown');
}
