import { useTranslation } from 'react-i18next';
import { useStaff } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Page } from '../../ui/page.tsx';
import { FindPatient } from '../find/find-patient.tsx';
import { mayAppoint } from './desk-guardians.ts';

/** The desk's way to a child's record: find the patient, then see, appoint and end who acts for them. */
export function DeskGuardiansPage() {
  const { t } = useTranslation('guardians');
  const isDesk = mayAppoint(useStaff());
  return (
    <Page title={t('desk.title')} lead={t('desk.lead')}>
      {isDesk ? <FindPatient to={(fhirId) => `/clinician/guardians/${fhirId}`} /> : <Empty text={t('desk.notYours')} />}
    </Page>
  );
}
