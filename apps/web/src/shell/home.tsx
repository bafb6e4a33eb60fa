import { Anchor, Button, Card, Group, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link, Navigate } from 'react-router';
import { useSession } from '../session/index.ts';
import { wasSomebodyHere } from '../session/seen-here.ts';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';

/** As the contracts name it; importing them here would put them into the first chunk. */
const ADMINISTRATOR_ROLE = 'administrator';

/** The first page: who are you? Whoever is signed in goes on to their own side. */
export function Home() {
  const { t } = useTranslation('shell');
  const { state } = useSession();
  // A first visit waits for nothing: there is nobody whom the device could tell of.
  if (state.kind === 'starting' && wasSomebodyHere()) return <Loading />;
  if (state.kind === 'patient') return <Navigate to="/patient" replace />;
  if (state.kind === 'staff') return <Navigate to={homeOf(state.staff.roles)} replace />;
  return (
    <Page title={t('home.title')} lead={t('home.lead')}>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <Card withBorder padding="lg" component="section" aria-labelledby="home-patient">
          <Stack>
            <Title order={2} size="h3" id="home-patient">
              {t('home.patient')}
            </Title>
            <Text>{t('home.patientText')}</Text>
            <Group>
              <Button component={Link} to="/patient/start">
                {t('home.patientStart')}
              </Button>
              <Anchor component={Link} to="/start">
                {t('home.patientBack')}
              </Anchor>
            </Group>
          </Stack>
        </Card>
        <Card withBorder padding="lg" component="section" aria-labelledby="home-staff">
          <Stack>
            <Title order={2} size="h3" id="home-staff">
              {t('home.staff')}
            </Title>
            <Text>{t('home.staffText')}</Text>
            <Group>
              <Button component={Link} to="/start" variant="outline">
                {t('home.staffSignIn')}
              </Button>
              <Anchor component={Link} to="/join">
                {t('home.join')}
              </Anchor>
            </Group>
          </Stack>
        </Card>
      </SimpleGrid>
      <Text>
        <Anchor component={Link} to="/verify">
          {t('home.verify')}
        </Anchor>
      </Text>
    </Page>
  );
}

function homeOf(roles: readonly string[]): string {
  return roles.includes(ADMINISTRATOR_ROLE) ? '/steward' : '/clinician';
}
