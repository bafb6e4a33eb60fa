import { Alert, Button, Card, Group, SimpleGrid, Text, Title } from '@mantine/core';
import { listRequests } from '@salus/client';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { usePatient } from '../../session/index.ts';
import { Page } from '../../ui/page.tsx';

const DOORS = [
  { to: '/patient/record', title: 'record', text: 'recordText' },
  { to: '/patient/access', title: 'access', text: 'accessText' },
  { to: '/visit', title: 'visit', text: 'visitText' },
  { to: '/patient/devices', title: 'devices', text: 'devicesText' },
] as const;

export function PatientHome() {
  const { t } = useTranslation('shell');
  return (
    <Page title={t('patientHome.title')}>
      <Waiting />
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        {DOORS.map(({ to, title, text }) => (
          <Card key={to} withBorder padding="lg" component={Link} to={to}>
            <Title order={2} size="h4">
              {t(`patientHome.${title}`)}
            </Title>
            <Text>{t(`patientHome.${text}`)}</Text>
          </Card>
        ))}
      </SimpleGrid>
    </Page>
  );
}

/** What waits for the patient's decision, before anything else. Without a connection it is not known and not said. */
function Waiting() {
  const { t } = useTranslation('shell');
  const patient = usePatient();
  const { data = 0 } = useQuery({
    queryKey: ['request', 'waiting', patient.pids.map(({ pid }) => pid)],
    queryFn: async () => {
      const requests = await Promise.all(patient.pids.map(async ({ pid }) => listRequests(await patient.at(pid))));
      return requests.flat().filter(({ status }) => status === 'open').length;
    },
  });
  return (
    <div role="status">
      {data === 0 ? null : (
        <Alert color="salus" variant="outline">
          <Group justify="space-between" gap="sm">
            <Text fw={600}>{t('patientHome.waiting', { count: data })}</Text>
            <Button component={Link} to="/patient/access/requests">
              {t('patientHome.answer')}
            </Button>
          </Group>
        </Alert>
      )}
    </div>
  );
}
