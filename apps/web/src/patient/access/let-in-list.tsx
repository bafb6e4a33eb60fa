import { Badge, Card, Group, Stack, Text, Title } from '@mantine/core';
import { listGrants } from '@salus/client';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { usePatient, useSession } from '../../session/index.ts';
import { ConfirmButton } from '../../ui/confirm-button.tsx';
import { Empty } from '../../ui/empty.tsx';
import { Failure } from '../../ui/failure.tsx';
import { Loading } from '../../ui/loading.tsx';
import { ScopeList } from '../../ui/scope-list.tsx';
import { type Terms, useTerms } from '../../ui/terms.ts';
import { useSay } from '../../ui/use-say.ts';
import { useDecided } from './access-queries.ts';
import { endGrant } from './decide.ts';
import { sentencesOf, shortId } from './grant-words.ts';
import { type LetInApp, letInApps, listKnownApps } from './let-in.ts';

/** The apps that may read now: what each was let in with, since when, and when it last read. */
export function LetInList() {
  const { t } = useTranslation('apps');
  const patient = usePatient();
  const { nowMs } = useSession();
  const { data, error, isPending, refetch } = useQuery({
    // Begins as the keys of grants do: whatever happens to one is asked again here too.
    queryKey: ['grant', 'apps', patient.pids.map(({ pid }) => pid)],
    queryFn: () =>
      Promise.all(
        patient.pids.map(async (entry) => {
          const session = await patient.at(entry.pid);
          const [{ grants }, known] = await Promise.all([listGrants(session), listKnownApps(session)]);
          return { entry, grants, ...known };
        }),
      ),
  });
  const apps = data === undefined ? [] : letInApps(data, patient.wallet.content, nowMs());
  return (
    <Stack component="section" aria-labelledby="let-in" gap="sm">
      <Title order={2} size="h4" id="let-in">
        {t('yours.letIn')}
      </Title>
      {isPending ? <Loading /> : null}
      {error === null ? null : <Failure error={error} onRetry={() => void refetch()} />}
      {data !== undefined && apps.length === 0 ? <Empty text={t('yours.none')} /> : null}
      {apps.map((app) => (
        <AppCard key={`${app.organisation} ${app.id}`} app={app} />
      ))}
      <Text size="sm">{t('yours.past')}</Text>
    </Stack>
  );
}

function AppCard({ app }: { readonly app: LetInApp }) {
  const { t } = useTranslation('apps');
  const terms = useTerms();
  const say = useSay();
  const patient = usePatient();
  const decided = useDecided();
  const { organisation, id } = app;
  const name = app.name ?? t('yours.unnamed', { place: terms.place(organisation), id: shortId(id) });
  const end = async (): Promise<void> => {
    try {
      for (const { entry, grant } of app.grants) await endGrant(patient, entry.pid, grant);
      say(t('yours.ended', { app: name }));
    } finally {
      // Where a later one failed, the list shows what is left to end.
      await decided();
    }
  };
  return (
    <Card withBorder padding="md" component="article" aria-label={name}>
      <Stack gap="xs">
        <Group justify="space-between" align="flex-start">
          <Text fw={600} style={{ overflowWrap: 'anywhere' }}>
            {name}
          </Text>
          <Badge variant={app.isClosed ? 'outline' : 'filled'}>
            {t(app.isClosed ? 'yours.closedState' : 'yours.reads')}
          </Badge>
        </Group>
        {app.isClosed ? <Text size="sm">{t('yours.closed', { place: terms.place(organisation) })}</Text> : null}
        <Allowed app={app} terms={terms} />
        <LetInWith scopes={app.scopes} />
        {app.sinceMs === null ? null : <Text size="sm">{t('yours.since', { date: terms.moment(app.sinceMs) })}</Text>}
        <LastRead app={app} terms={terms} />
        <Group>
          <ConfirmButton
            label={t('yours.end')}
            question={t('yours.endAsk')}
            consequence={t('yours.endText')}
            color="red"
            variant="outline"
            size="compact-md"
            onConfirm={end}
          />
        </Group>
      </Stack>
    </Card>
  );
}

/** What each permission allows, in the words of the page on access. */
function Allowed({ app, terms }: { readonly app: LetInApp; readonly terms: Terms }) {
  const { t } = useTranslation('access');
  return app.grants.map(({ entry, grant, terms: agreed, isChanged }) => (
    <Stack key={grant} gap={2}>
      {isChanged ? <Text size="sm">{t('grants.changed')}</Text> : null}
      {sentencesOf(t, terms, agreed, entry.organisation).map((sentence) => (
        <Text key={sentence} size="sm">
          {sentence}
        </Text>
      ))}
    </Stack>
  ));
}

function LetInWith({ scopes }: { readonly scopes: readonly string[] }) {
  const { t } = useTranslation('apps');
  if (scopes.length === 0) return null;
  return (
    <div>
      <Text size="sm">{t('yours.with')}</Text>
      <ScopeList scopes={scopes} />
    </div>
  );
}

function LastRead({ app, terms }: { readonly app: LetInApp; readonly terms: Terms }) {
  const { t } = useTranslation('apps');
  const { lastReadMs, noReadingSinceMs } = app;
  if (lastReadMs !== null) return <Text size="sm">{t('yours.lastRead', { date: terms.moment(lastReadMs) })}</Text>;
  return (
    <Text size="sm">
      {noReadingSinceMs === null
        ? t('yours.readNothing')
        : t('yours.readNothingSince', { date: terms.moment(noReadingSinceMs) })}
    </Text>
  );
}
