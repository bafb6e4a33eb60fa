import { Alert, Badge, Button, Card, Group, Stack, Text, Title } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { useSession } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { type GrantsAt, useGrants, useRecordsAt, useRequests } from './access-queries.ts';
import { EmergencyList } from './emergency-list.tsx';
import { GrantCard } from './grant-card.tsx';
import { stateOf } from './grant-state.ts';

/** Who may read what now, what waits for an answer, what has ended, and what was opened in an emergency. */
export function GrantsPage() {
  const { t } = useTranslation('access');
  const { data, error, isPending, refetch } = useGrants();
  const requests = useRequests();
  const waiting = requests.data?.filter(({ request }) => request.status === 'open').length ?? 0;
  return (
    <Page title={t('title')} lead={t('lead')}>
      {waiting === 0 ? null : (
        <Alert variant="outline" role="status">
          <Group>
            <Text>{t('waiting.text', { count: waiting })}</Text>
            <Button component={Link} to="/patient/access/requests" size="compact-md">
              {t('waiting.go')}
            </Button>
          </Group>
        </Alert>
      )}
      <Group>
        <Button component={Link} to="/patient/access/give" variant="outline">
          {t('grants.give')}
        </Button>
      </Group>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data === undefined ? null : <HeldGrants held={data} />}
    </Page>
  );
}

function HeldGrants({ held }: { readonly held: readonly GrantsAt[] }) {
  const { t } = useTranslation('access');
  const { nowMs } = useSession();
  const records = useRecordsAt(held.map(({ entry }) => entry));
  const all = held.flatMap(({ entry, grants }) => grants.map((grant) => ({ entry, grant })));
  const isActive = ({ grant }: (typeof all)[number]): boolean => stateOf(grant, nowMs()) === 'active';
  const active = all.filter(isActive);
  const ended = all.filter((one) => !isActive(one));
  return (
    <>
      <Stack component="section" aria-labelledby="active-grants" gap="sm">
        <Title order={2} size="h4" id="active-grants">
          {t('grants.active')} <Badge component="span">{active.length}</Badge>
        </Title>
        {active.length === 0 ? (
          <Empty text={t('grants.none')}>
            <Text size="sm">{t('grants.noneNext')}</Text>
          </Empty>
        ) : null}
        {active.map(({ entry, grant }) => (
          <GrantCard
            key={grant.grant}
            entry={entry}
            grant={grant}
            records={records.find((known) => known.entry.pid === entry.pid)?.records}
          />
        ))}
      </Stack>
      <EmergencyList held={held} />
      {ended.length === 0 ? null : (
        <Card component="details" withBorder padding="sm">
          <summary>
            {t('grants.ended')} ({ended.length})
          </summary>
          <Stack mt="sm" gap="sm">
            {ended.map(({ entry, grant }) => (
              <GrantCard key={grant.grant} entry={entry} grant={grant} records={undefined} />
            ))}
          </Stack>
        </Card>
      )}
    </>
  );
}
