import { Card, SimpleGrid, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
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
