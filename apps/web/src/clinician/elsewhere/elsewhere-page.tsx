import { Alert, Badge, Button, Card, Group, List, Stack, Text, Title } from '@mantine/core';
import { openReading } from '@salus/client';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router';
import { useSession, useStaff } from '../../session/index.ts';
import { DateText } from '../../ui/date-text.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { useTerms } from '../../ui/terms.ts';
import { chartKey } from '../chart/use-chart.ts';
import { type AskedAccess, type PatientAccess, readAccess } from '../clinic-api.ts';
import { accessKey } from './access-key.ts';
import { RequestForm } from './request-form.tsx';
import { TreatedElsewhere } from './treated-elsewhere.tsx';

/** What lies at other organisations: where, what may be opened now, and asking the patient for more. */
export function ElsewherePage() {
  const { t } = useTranslation('clinician');
  const { patient = '' } = useParams();
  const staff = useStaff();
  const access = useQuery({
    queryKey: accessKey(staff.id, patient),
    queryFn: () => readAccess(staff.session, patient),
  });
  if (access.isPending) return <Loading />;
  if (access.isError) return <Failure error={access.error} onRetry={() => void access.refetch()} />;
  const { grants, requests, pid } = access.data;
  const locating = grants.filter(({ terms }) => terms.kind === 'locate');
  const opening = grants.filter(({ terms }) => terms.kind === 'access');
  return (
    <Stack gap="xl">
      <Section id="treated" title={t('elsewhere.treated')}>
        {locating.length === 0 ? <Empty text={t('elsewhere.noTreated')} /> : null}
        {locating.map((grant) => (
          <TreatedElsewhere key={grant.terms.grant} grant={grant} />
        ))}
      </Section>
      <Section id="open" title={t('elsewhere.open')}>
        {opening.length === 0 ? <Empty text={t('elsewhere.noOpen')} /> : null}
        {opening.map((grant) => (
          <GrantCard key={grant.terms.grant} grant={grant} patient={patient} />
        ))}
      </Section>
      <Section id="ask" title={t('elsewhere.ask')}>
        <RequestForm pid={pid} patient={patient} />
      </Section>
      <Section id="asked" title={t('elsewhere.asked')}>
        {requests.length === 0 ? <Empty text={t('elsewhere.noAsked')} /> : null}
        {requests.map((request) => (
          <AskedCard key={request.request} asked={request} />
        ))}
      </Section>
    </Stack>
  );
}

function Section({
  id,
  title,
  children,
}: {
  readonly id: string;
  readonly title: string;
  readonly children: ReactNode;
}) {
  return (
    <Stack component="section" aria-labelledby={`elsewhere-${id}`} gap="xs">
      <Title order={2} size="h3" id={`elsewhere-${id}`}>
        {title}
      </Title>
      {children}
    </Stack>
  );
}

type Grant = PatientAccess['grants'][number];

function GrantCard({ grant, patient }: { readonly grant: Grant; readonly patient: string }) {
  const { t } = useTranslation('clinician');
  const terms = useTerms();
  const staff = useStaff();
  const { nowMs } = useSession();
  const client = useQueryClient();
  const { categories, notAfterMs, purposes, grant: id } = grant.terms;
  // What a narrowing ended is open no more, though the grant is the same.
  const openedKey = ['grant', 'opened', staff.id, id, grant.salt];
  const opened = useQuery<number>({ queryKey: openedKey, queryFn: () => 0, enabled: false, gcTime: Infinity });
  const open = useMutation({
    mutationFn: () => {
      const [purpose = 'TREAT'] = purposes;
      return openReading(staff.atWork(), { token: grant, purpose, categories });
    },
    onSuccess: ({ untilMs }) => {
      client.setQueryData(openedKey, untilMs);
      return client.invalidateQueries({ queryKey: chartKey(staff.id, patient) });
    },
  });
  const untilMs = opened.data ?? 0;
  return (
    <Card withBorder padding="sm">
      <Stack gap="xs">
        <Group justify="space-between" align="flex-start">
          <Stack gap={2}>
            <Text fw={600}>{terms.place(grant.authorOrganisation)}</Text>
            <Text size="sm">{terms.list(categories.map(terms.category))}</Text>
            <Text size="sm">
              {t('elsewhere.grantedUntil')} <DateText value={notAfterMs} withTime />
            </Text>
          </Stack>
          <Button
            variant="outline"
            loading={open.isPending}
            onClick={() => open.mutate()}
            aria-label={t('elsewhere.openAt', { place: terms.place(grant.authorOrganisation) })}
          >
            {t('elsewhere.openButton')}
          </Button>
        </Group>
        <div aria-live="polite">
          {open.isError ? <Failure error={open.error} text={t('elsewhere.openFailed')} /> : null}
          {untilMs > nowMs() ? (
            <Alert color="salus.8" variant="outline">
              {t('elsewhere.opened')} <DateText value={untilMs} withTime />
            </Alert>
          ) : null}
        </div>
      </Stack>
    </Card>
  );
}

function AskedCard({ asked }: { readonly asked: AskedAccess }) {
  const { t } = useTranslation('clinician');
  const terms = useTerms();
  const staff = useStaff();
  const { status, createdMs, categories, text, requester } = asked;
  return (
    <Card withBorder padding="sm">
      <Stack gap={2}>
        <Group gap="xs">
          <Badge variant="outline" color={status === 'open' ? '#9a3400' : status === 'declined' ? 'red.9' : 'salus.8'}>
            {t(`elsewhere.status.${status}`)}
          </Badge>
          <Text size="sm">
            <DateText value={createdMs} withTime /> ·{' '}
            {t(requester === staff.id ? 'elsewhere.byMe' : 'elsewhere.byColleague')}
          </Text>
        </Group>
        <List size="sm" listStyleType="none">
          <List.Item>{terms.list(categories.map(terms.category))}</List.Item>
          {text === '' ? null : <List.Item>“{text}”</List.Item>}
        </List>
      </Stack>
    </Card>
  );
}
