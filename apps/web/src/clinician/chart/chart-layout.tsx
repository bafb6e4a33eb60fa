import { Alert, Button, Card, Group, Paper, Stack, Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link, NavLink, Outlet, useNavigate, useParams } from 'react-router';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import type { PatientCard } from '../clinic-api.ts';
import { PersonText } from '../find/person-text.tsx';
import { useConfirmed } from './confirmed.ts';
import { cardOf } from './person.ts';
import { usePerson } from './use-chart.ts';

const TABS = ['overview', 'results', 'all', 'course', 'write', 'elsewhere'] as const;

/** Every page of one patient: who it is first; nothing else is asked for before the person was recognised. */
export function ChartLayout() {
  const { t } = useTranslation('clinician');
  const { patient = '' } = useParams();
  const person = usePerson(patient);
  const { ids } = useConfirmed();
  if (person.isPending) return <Loading what={t('chart.loading')} />;
  if (person.isError) {
    return (
      <Page title={t('title')}>
        <Failure error={person.error} text={t('chart.unseen')} onRetry={() => void person.refetch()} />
        <Group>
          <Button component={Link} to="/clinician" variant="default">
            {t('chart.back')}
          </Button>
        </Group>
      </Page>
    );
  }
  const card = cardOf(person.data);
  return ids.has(patient) ? <Chart card={card} /> : <ConfirmPerson card={card} />;
}

type Person = Omit<PatientCard, 'pid'>;

/** Two people may have one name: the clinician compares before a record opens. */
function ConfirmPerson({ card }: { readonly card: Person }) {
  const { t } = useTranslation('clinician');
  const { confirm } = useConfirmed();
  const navigate = useNavigate();
  return (
    <Page title={t('confirm.title')} lead={t('confirm.lead')}>
      <Card withBorder padding="lg">
        <Stack gap="xs">
          <Text fw={700} size="xl">
            {card.name}
          </Text>
          <PersonText card={card} />
        </Stack>
      </Card>
      <Group>
        <Button onClick={() => confirm(card.fhirId)}>{t('confirm.yes')}</Button>
        <Button variant="default" onClick={() => void navigate('/clinician')}>
          {t('confirm.no')}
        </Button>
      </Group>
      <Text size="sm">{t('confirm.logged')}</Text>
    </Page>
  );
}

function Chart({ card }: { readonly card: Person }) {
  const { t } = useTranslation('clinician');
  return (
    <Page title={card.name}>
      <Paper withBorder p="sm">
        <PersonText card={card} />
      </Paper>
      <nav aria-label={t('chart.sections')}>
        <Group gap="xs">
          {TABS.map((tab) => (
            <Button
              key={tab}
              component={NavLink}
              to={`/clinician/patient/${card.fhirId}${tab === 'overview' ? '' : `/${tab}`}`}
              end
              size="xs"
              variant="default"
              className="chart-tab"
            >
              {t(`chart.tabs.${tab}`)}
            </Button>
          ))}
        </Group>
      </nav>
      <Outlet context={card} />
    </Page>
  );
}

/** Said above what may be less than everything. */
export function PartOnly() {
  const { t } = useTranslation('clinician');
  return (
    <Alert color="#9a3400" variant="outline" title={t('chart.partTitle')}>
      {t('chart.part')}
    </Alert>
  );
}
