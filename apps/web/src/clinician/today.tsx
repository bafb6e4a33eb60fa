import { Badge, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useSession, useStaff } from '../session/index.ts';
import { Empty } from '../ui/empty.tsx';
import { Failure } from '../ui/failure.tsx';
import { Loading } from '../ui/loading.tsx';
import { listVisits, type Visit } from './clinic-api.ts';
import { dayOf } from './day.ts';
import { PersonText } from './find/person-text.tsx';

/** My patients today: whom an encounter or an appointment names me for. */
export function Today() {
  const { t } = useTranslation('clinician');
  const staff = useStaff();
  const { nowMs } = useSession();
  const day = dayOf(nowMs());
  const visits = useQuery({
    queryKey: ['record', 'visits', staff.id, day.fromMs],
    queryFn: () => listVisits(staff.session, day),
  });
  return (
    <Stack component="section" aria-labelledby="today-title">
      <Title order={2} size="h3" id="today-title">
        {t('today.title')}
      </Title>
      {visits.isPending ? <Loading /> : null}
      {visits.isError ? <Failure error={visits.error} onRetry={() => void visits.refetch()} /> : null}
      {visits.data?.visits.length === 0 ? (
        <Empty text={t(visits.data.practitioners.length === 0 ? 'today.unnamed' : 'today.none')} />
      ) : null}
      {visits.data?.visits.map((visit) => (
        <VisitCard key={`${visit.kind}/${visit.id}`} visit={visit} />
      ))}
    </Stack>
  );
}

function VisitCard({ visit: { kind, status, startMs, reason, patient } }: { readonly visit: Visit }) {
  const { t, i18n } = useTranslation('clinician');
  const time =
    startMs === null
      ? undefined
      : new Intl.DateTimeFormat(i18n.language, { dateStyle: 'short', timeStyle: 'short' }).format(startMs);
  const here = status === 'in-progress' || status === 'arrived' || status === 'triaged' || status === 'checked-in';
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between" align="flex-start">
        <Stack gap={2}>
          <Group gap="xs">
            <Text fw={600}>{patient.name}</Text>
            <Badge variant="outline" color={here ? 'salus.8' : 'gray.8'}>
              {t(here ? 'today.here' : 'today.expected')}
            </Badge>
          </Group>
          <Text size="sm">{[time, t(`today.kinds.${kind}`), reason].filter(Boolean).join(' · ')}</Text>
          <PersonText card={patient} />
        </Stack>
        <Button
          component={Link}
          to={`/clinician/patient/${patient.fhirId}`}
          variant="outline"
          aria-label={t('find.chooseWhom', { name: patient.name })}
        >
          {t('find.choose')}
        </Button>
      </Group>
    </Card>
  );
}
