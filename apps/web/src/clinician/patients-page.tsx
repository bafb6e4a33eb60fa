import { Button, Group } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useStaff } from '../session/index.ts';
import { Page } from '../ui/page.tsx';
import { FindPatient } from './find/find-patient.tsx';
import { mayAppoint } from './guardians/desk-guardians.ts';
import { Today } from './today.tsx';

export function PatientsPage() {
  const { t } = useTranslation(['clinician', 'urgent', 'disputes', 'guardians', 'lending']);
  const isDesk = mayAppoint(useStaff());
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
        <Button component={Link} to="/clinician/apps" variant="default">
          {t('lending:title')}
        </Button>
        {isDesk ? (
          <Button component={Link} to="/clinician/guardians" variant="default">
            {t('guardians:desk.title')}
          </Button>
        ) : null}
      </Group>
      <Today />
      <FindPatient />
    </Page>
  );
}
