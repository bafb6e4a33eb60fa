import type { FhirTree } from '@salus/fhir/parse';
import { answersOf, QUESTIONS, type Since } from '@salus/fhir/visit';
import { useTranslation } from 'react-i18next';
import { Facts } from './facts.tsx';

/** The answers to the questionnaire in the reader's language; what the patient wrote stays as written. */
export function Answers({ response }: { readonly response: FhirTree | undefined }) {
  const { t } = useTranslation('visit');
  const given = answersOf(response);
  const facts = QUESTIONS.map(({ linkId, kind }) => {
    const value = given[linkId];
    const name = t(`question.${linkId}`);
    if (value === undefined) return [name, t('unanswered')] as const;
    if (typeof value === 'boolean') return [name, t(value ? 'yes' : 'no')] as const;
    return [name, kind === 'choice' ? t(`since.${value as Since}`) : value] as const;
  });
  return <Facts facts={facts} />;
}
