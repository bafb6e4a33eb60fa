import { Badge, Card, Group, List, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { usePatient } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { AppointForm } from './appoint-form.tsx';
import { EndGuardian } from './end-guardian.tsx';
import { end, type GuardiansAt, listGuardians } from './guardians.ts';
import { WardSection } from './ward-section.tsx';

const ACTIONS = [
  ...(['consent.grant', 'consent.revoke', 'consent.narrow', 'consent.answer'] as const),
  ...(['record.dispute', 'record.withdrawDispute', 'patient.endGuardian'] as const),
] as const;

/** Who may act for the patient, what they did, how to appoint somebody; and for whom the patient acts. */
export function GuardiansPage() {
  const { t } = useTranslation('guardians');
  const patient = usePatient();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['guardian', patient.pids.map(({ pid }) => pid)],
    queryFn: () => listGuardians(patient),
  });
  const all = data?.flatMap(({ entry, guardians }) => guardians.map((guardian) => ({ entry, guardian }))) ?? [];
  return (
    <Page title={t('title')} lead={t('lead')}>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data !== undefined && all.length === 0 ? <Empty text={t('none')} /> : null}
      {all.map((held) => (
        <GuardianCard key={`${held.entry.pid}/${held.guardian.kid}`} held={held} />
      ))}
      {data === undefined || all.length === 0 ? null : <Acts held={data} />}
      <AppointForm />
      <WardSection />
    </Page>
  );
}

interface Held {
  readonly entry: GuardiansAt['entry'];
  readonly guardian: GuardiansAt['guardians'][number];
}

function GuardianCard({ held: { entry, guardian } }: { readonly held: Held }) {
  const { t } = useTranslation('guardians');
  const terms = useTerms();
  const patient = usePatient();
  const { kid, scope, untilMs, by, state, appointed } = guardian;
  const name = appointed?.guardian.name ?? t('unnamed');
  const place = terms.place(entry.organisation);
  return (
    <Card withBorder padding="md" component="article" aria-label={name}>
      <Group justify="space-between">
        <Text fw={600}>
          {name} · {place}
        </Text>
        <Badge variant={state === 'active' ? 'filled' : 'outline'}>{t(`state.${state}`)}</Badge>
      </Group>
      <Text size="sm">{t('may', { scopes: terms.list(scope.map((one) => t(`scopes.${one}`))) })}</Text>
      <Text size="sm">{t('until', { date: terms.date(untilMs) })}</Text>
      <Text size="sm">{t(`by.${by}`, { place })}</Text>
      {state === 'active' ? <EndGuardian onEnd={() => end(patient, entry.pid, kid)} /> : null}
    </Card>
  );
}

function Acts({ held }: { readonly held: readonly GuardiansAt[] }) {
  const { t } = useTranslation('guardians');
  const terms = useTerms();
  const acts = held
    .flatMap(({ entry, guardians, acts: done }) =>
      done.map((act) => ({ entry, act, who: guardians.find(({ kid }) => kid === act.guardian) })),
    )
    .sort((left, right) => right.act.atMs - left.act.atMs);
  return (
    <Stack component="section" gap="xs" aria-labelledby="acts">
      <Title order={2} size="h4" id="acts">
        {t('acts')}
      </Title>
      {acts.length === 0 ? <Text>{t('noActs')}</Text> : null}
      <List>
        {acts.map(({ entry, act, who }) => {
          const action = ACTIONS.find((known) => known === act.transaction) ?? 'other';
          const what = t(`actions.${action}`, { name: act.transaction });
          return (
            <List.Item key={act.callId}>
              {t('act', { who: who?.appointed?.guardian.name ?? t('unnamed'), what })} ·{' '}
              {terms.place(entry.organisation)} · {terms.moment(act.atMs)}
            </List.Item>
          );
        })}
      </List>
    </Stack>
  );
}
