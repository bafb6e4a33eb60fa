import { parseFhirJson, stringOf } from '@salus/fhir/parse';
import { inOrder } from '@salus/fhir/visit';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { nameOf } from '../fhir/name.ts';
import { useStaff } from '../session/index.ts';
import { DateText } from '../ui/date-text.tsx';
import { Facts } from './facts.tsx';
import type { VisitView } from './visit-api.ts';

/** Name and birth date as this organisation knows them; nothing while the record is not open to the reader. */
export function PatientName({ view: { patient, course } }: { readonly view: Pick<VisitView, 'patient' | 'course'> }) {
  const { t } = useTranslation('visit');
  const { session, organisation } = useStaff();
  const { data } = useQuery({
    // Whoever takes an order up is let in by that: asked anew as the tasks go on.
    queryKey: ['record', 'person', organisation, patient, inOrder(course).map(({ status }) => status)],
    enabled: patient !== null,
    retry: false,
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const path = `/${organisation}/fhir/R4/${patient}`;
      return parseFhirJson(await session.api.sendText({ method: 'GET', path, token: session.token }));
    },
  });
  if (data === undefined) return null;
  const birthDate = stringOf(data.birthDate);
  return (
    <Facts
      facts={[
        [t('facts.patient'), <bdi key="name">{nameOf(data)}</bdi>],
        ...(birthDate === undefined ? [] : ([[t('facts.born'), <DateText key="born" value={birthDate} />]] as const)),
      ]}
    />
  );
}
