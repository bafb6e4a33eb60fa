import { Anchor, Badge, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { phaseOf } from '@salus/fhir/visit';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { Page } from '../ui/page.tsx';
import { useTerms } from '../ui/terms.ts';
import { visitReason } from './step-facts.tsx';
import { useOwnVisits } from './use-visits.ts';
import type { OwnVisit } from './visit-api.ts';

/** The way to care, and where each visit of the patient stands. */
export function VisitsPage() {
  const { t } = useTranslation('visit');
  const { data, error, refetch } = useOwnVisits();
  return (
    <Page title={t('title')} lead={t('lead')}>
      <Group>
        <Button component={Link} to="/visit/new" size="md">
          {t('ask')}
        </Button>
      </Group>
      <Title order={2} size="h3">
        {t('own')}
      </Title>
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null ? <Loading /> : null}
      {data?.visits.length === 0 ? <Empty text={t('none')} /> : null}
      <Stack component="ul" gap="sm" p={0} m={0} style={{ listStyle: 'none' }}>
        {data?.visits.map((visit) => (
          <li key={`${visit.provider}/${visit.visit}`}>
            <VisitCard visit={visit} />
          </li>
        ))}
      </Stack>
    </Page>
  );
}

function VisitCard({ visit }: { readonly visit: OwnVisit }) {
  const { t } = useTranslation('visit');
  const terms = useTerms();
  const { provider, course } = visit;
  return (
    <Card withBorder>
      <Group justify="space-between" align="start">
        <Stack gap={4}>
          <Anchor component={Link} to={`/visit/${provider}/${visit.visit}`} fw={600}>
            {visitReason(course) || t('some')}
          </Anchor>
          <Text size="sm">{t('at', { place: terms.place(provider) })}</Text>
        </Stack>
        <Badge variant="outline" color="dark" tt="none">
          {t(`phase.${phaseOf(course)}`)}
        </Badge>
      </Group>
    </Card>
  );
}
