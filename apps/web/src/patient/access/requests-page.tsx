import { Badge, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { useTerms } from '../../ui/terms.ts';
import { type RequestAt, useRequests } from './access-queries.ts';
import { whoOf } from './grant-words.ts';
import { RequestCard } from './request-card.tsx';

/** The inbox: what waits stands open, so that two clicks narrow and allow it. */
export function RequestsPage() {
  const { t } = useTranslation('access');
  const { data, error, isPending, refetch } = useRequests();
  const open = data?.filter(({ request }) => request.status === 'open') ?? [];
  const answered = data?.filter(({ request }) => request.status !== 'open') ?? [];
  return (
    <Page title={t('requests.title')} lead={t('requests.lead')}>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data !== undefined && open.length === 0 ? (
        <Empty text={t('waiting.text', { count: 0 })}>
          <Text size="sm">{t('requests.noneNext')}</Text>
        </Empty>
      ) : null}
      {open.map(({ entry, request }) => (
        <RequestCard key={request.asked.request} asked={{ entry, request }} />
      ))}
      {answered.length === 0 ? null : (
        <Stack component="section" gap="xs">
          <Title order={2} size="h4">
            {t('requests.answered')}
          </Title>
          {answered.map((asked) => (
            <AnsweredRequest key={asked.request.asked.request} asked={asked} />
          ))}
        </Stack>
      )}
    </Page>
  );
}

function AnsweredRequest({ asked: { request } }: { readonly asked: RequestAt }) {
  const { t } = useTranslation('access');
  const terms = useTerms();
  const { grantee, categories, purposes } = request.asked;
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between">
        <Text fw={600}>{whoOf(t, terms, grantee)}</Text>
        <Badge variant="outline">{t(`requests.status.${request.status}`)}</Badge>
      </Group>
      <Text size="sm">{terms.list(categories.map(terms.category))}</Text>
      <Text size="sm">
        {t('requests.reason', {
          purpose: terms.list(purposes.map(terms.purpose)),
          date: terms.moment(request.createdMs),
        })}
      </Text>
    </Card>
  );
}
