import { Button, Group } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Page } from '../ui/page.tsx';
import { FindPatient } from './find/find-patient.tsx';
import { Today } from './today.tsx';

export function PatientsPage() {
  const { t } = useTranslation(['clinician', 'urgent', 'disputes']);
  return (
    <Page title={t('title')}>
      <Group gap="xs">
        <Button component={Link} to="/clinician/emergency" color="red.9" variant="outline">
          {t('urgent:emergency.title')}
        </Button>
        <Button component={Link} to="/clinician/incident" variant="default">
          {t('urgent:incident.title')}
        </Button>
        <Button component={Link} to="/clinician/disputes" variant="default">
          {t('disputes:staff.title')}
        </Button>
      </Group>
      <Today />
      <FindPatient />
    </Page>
  );
}
