import { Alert, Badge, Button, Card, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { Link, useParams } from 'react-router';
import { EVIDENCES } from '../../patient/access/appoint-fields.tsx';
import { EndGuardian } from '../../patient/access/end-guardian.tsx';
import { useStaff } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { cardOf } from '../chart/person.ts';
import { usePerson } from '../chart/use-chart.ts';
import type { PatientCard } from '../clinic-api.ts';
import { PersonText } from '../find/person-text.tsx';
import { DeskForm } from './desk-form.tsx';
import { type DeskGuardian, endAtDesk, type Guarded, mayAppoint, readGuarded } from './desk-guardians.ts';

/** One patient at the desk: who acts for them now and did before, and the form that appoints somebody. */
export function DeskWardPage() {
  const { t } = useTranslation('guardians');
  const { patient = '' } = useParams();
  const staff = useStaff();
  const isDesk = mayAppoint(staff);
  const person = usePerson(patient, { enabled: isDesk });
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['guardian', 'desk', staff.id, patient],
    queryFn: () => readGuarded(staff, patient),
    enabled: isDesk,
  });
  const card = person.data === undefined ? undefined : cardOf(person.data);
  return (
    <Page title={t('desk.title')}>
      {isDesk ? null : <Empty text={t('desk.notYours')} />}
      <Group>
        <Button component={Link} to="/clinician/guardians" variant="default">
          {t('desk.another')}
        </Button>
      </Group>
      {isDesk && (isPending || person.isPending) ? <Loading /> : null}
      {person.error === null ? null : <Failure error={person.error} onRetry={() => void person.refetch()} />}
      {error === null ? null : <Failure error={error} text={t('desk.unseen')} onRetry={() => void refetch()} />}
      {data === undefined || card === undefined ? null : <Shown card={card} guarded={data} />}
    </Page>
  );
}

function Shown({ card, guarded }: { readonly card: Omit<PatientCard, 'pid'>; readonly guarded: Guarded }) {
  const { t } = useTranslation('guardians');
  const { guardians, isClaimed } = guarded;
  return (
    <>
      <Paper withBorder p="sm">
        <Title order={2} size="h3">
          {card.name}
        </Title>
        <PersonText card={card} />
      </Paper>
      <Stack component="section" gap="sm" aria-labelledby="acting">
        <Title order={2} size="h4" id="acting">
          {t('desk.acting')}
        </Title>
        {guardians.length === 0 ? <Empty text={t('desk.none')} /> : null}
        {guardians.map((guardian) => (
          <GuardianCard key={guardian.kid} guarded={guarded} guardian={guardian} />
        ))}
      </Stack>
      {isClaimed ? (
        <Alert variant="outline" color="gray.8">
          {t('desk.claimed')}
        </Alert>
      ) : (
        <DeskForm card={card} pid={guarded.pid} />
      )}
    </>
  );
}

function GuardianCard({ guarded, guardian }: { readonly guarded: Guarded; readonly guardian: DeskGuardian }) {
  const { t } = useTranslation('guardians');
  const terms = useTerms();
  const staff = useStaff();
  const { kid, scope, untilMs, by, state, appointed } = guardian;
  const name = appointed?.guardian.name ?? t('unnamed');
  return (
    <Card withBorder padding="md" component="article" aria-label={name}>
      <Group justify="space-between">
        <Text fw={600}>{name}</Text>
        <Badge variant={state === 'active' ? 'filled' : 'outline'}>{t(`state.${state}`)}</Badge>
      </Group>
      <Text size="sm">{t('may', { scopes: terms.list(scope.map((one) => t(`desk.scopes.${one}`))) })}</Text>
      <Text size="sm">{t('until', { date: terms.date(untilMs) })}</Text>
      <Text size="sm">{t(`desk.by.${by}`)}</Text>
      {appointed === null ? null : <Evidence appointed={appointed} />}
      {state === 'active' && by === 'organisation' && !guarded.isClaimed ? (
        <EndGuardian onEnd={() => endAtDesk(staff, guarded.pid, kid)} />
      ) : null}
    </Card>
  );
}

function Evidence({ appointed: { evidence } }: { readonly appointed: NonNullable<DeskGuardian['appointed']> }) {
  const { t } = useTranslation('guardians');
  const kind = EVIDENCES.find((known) => known === evidence.kind) ?? 'other';
  return <Text size="sm">{t('desk.shown', { kind: t(`evidences.${kind}`), text: evidence.text })}</Text>;
}
