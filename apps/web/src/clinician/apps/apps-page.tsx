import { Stack, Text, Title } from '@mantine/core';
import { listStaffApps, type StaffApp } from '@salus/client';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useSession, useStaff } from '../../session/index.ts';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { Page } from '../../ui/page.tsx';
import { AppCard } from './app-card.tsx';

/** The node's clock may run behind this device's: until it says that something has ended, it is asked this often. */
const ASKED_AGAIN_MS = 60_000;

/** The apps of the organisation, and which of them writes in this person's name until when. */
export function StaffAppsPage() {
  const { t } = useTranslation('lending');
  const staff = useStaff();
  const { nowMs } = useSession();
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['lending', staff.id],
    queryFn: () => listStaffApps(staff.session),
    // What was lent ends by itself: the page does not go on saying that it holds. Until then nothing is asked, which
    // would keep a session alive that nobody uses.
    refetchInterval: ({ state }) => untilNextEnd(state.data, nowMs()),
  });
  return (
    <Page title={t('title')} lead={t('lead')}>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 ? (
        <Empty text={t('none')}>
          <Text size="sm">{t('noneNext')}</Text>
        </Empty>
      ) : null}
      {data === undefined || data.length === 0 ? null : <Apps apps={data} />}
    </Page>
  );
}

function untilNextEnd(apps: readonly StaffApp[] = [], nowMs: number): number | false {
  const ends = apps.flatMap(({ lent }) => lent?.untilMs ?? []);
  if (ends.length === 0) return false;
  const leftMs = Math.min(...ends) - nowMs;
  return leftMs > 0 ? leftMs : ASKED_AGAIN_MS;
}

function Apps({ apps }: { readonly apps: readonly StaffApp[] }) {
  const { t } = useTranslation('lending');
  const sorted = apps.toSorted((left, right) => left.name.localeCompare(right.name));
  const isWriting = ({ mayWrite, lent }: StaffApp): boolean => mayWrite || lent !== null;
  const writing = sorted.filter(isWriting);
  const others = sorted.filter((app) => !isWriting(app));
  return (
    <>
      <Stack component="section" aria-labelledby="writing-apps" gap="sm">
        <Title order={2} size="h4" id="writing-apps">
          {t('writing')}
        </Title>
        {writing.length === 0 ? <Empty text={t('noneWriting')} /> : <Text size="sm">{t('bounds')}</Text>}
        {writing.map((app) => (
          <AppCard key={app.client} app={app} />
        ))}
      </Stack>
      {others.length === 0 ? null : (
        <Stack component="section" aria-labelledby="other-apps" gap="sm">
          <Title order={2} size="h4" id="other-apps">
            {t('others')}
          </Title>
          {others.map((app) => (
            <AppCard key={app.client} app={app} />
          ))}
        </Stack>
      )}
    </>
  );
}
